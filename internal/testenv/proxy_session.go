package testenv

import (
	"bufio"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxPending limits the commands of one connection that have no reply yet. More of
// them wait in the client's socket.
const maxPending = 1 << 14

// session is one connection through a proxy.
type session struct {
	proxy          *ProxyServer
	client, server net.Conn
	once           sync.Once
	closed         chan struct{}
	// pending has the commands that have no reply yet, oldest first.
	pending chan expected
	replica atomic.Bool // it carries a replication stream
}

// expected is what to do with the reply to a command.
type expected struct {
	drop bool
	raw  bool // from here on there are no commands and replies
}

func newSession(p *ProxyServer, client, server net.Conn) *session {
	return &session{
		proxy: p, client: client, server: server,
		closed: make(chan struct{}), pending: make(chan expected, maxPending),
	}
}

// run forwards until one side ends, and closes the other one.
func (s *session) run() {
	var replies sync.WaitGroup
	replies.Go(func() {
		defer s.close()
		s.copyReplies()
	})
	s.copyCommands()
	s.close()
	replies.Wait()
}

func (s *session) close() {
	s.once.Do(func() {
		close(s.closed)
		_, _ = s.client.Close(), s.server.Close()
	})
}

// reset resets both connections, as after a fault of the network.
func (s *session) reset() {
	s.once.Do(func() {
		close(s.closed)
		abort(s.client)
		abort(s.server)
	})
}

// abort closes a connection with a reset.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// copyCommands forwards what the client sends, until one side ends.
func (s *session) copyCommands() {
	from := bufio.NewReader(s.client)
	for s.isDialogue(from) {
		cmd, err := readCommand(from)
		if err != nil {
			return
		}
		next := expected{drop: s.proxy.note(cmd.counted()), raw: endsDialogue(cmd.name)}
		if cmd.name == "psync" || cmd.name == "sync" {
			s.replica.Store(true)
		}
		// Expect the reply before the server can send it. An empty line has none.
		if cmd.name != "" && !s.expect(next) || !s.forward(s.server, cmd.raw) {
			return
		}
		if next.raw {
			break
		}
	}
	s.copyRaw(s.server, from)
}

// isDialogue reports whether a command follows, and not something else such as a
// TLS handshake.
func (s *session) isDialogue(from *bufio.Reader) bool {
	first, err := from.Peek(1)
	if err != nil {
		return false
	}
	c := first[0]
	if c == '*' || c == '\r' || c == '\n' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		return true
	}
	s.expect(expected{raw: true})
	return false
}

// expect reports whether the connection is still open.
func (s *session) expect(next expected) bool {
	select {
	case s.pending <- next:
		return true
	case <-s.closed:
		return false
	}
}

// endsDialogue reports whether the server sends more than replies after a command.
func endsDialogue(command string) bool {
	return slices.Contains([]string{"psync", "sync", "monitor", "subscribe", "psubscribe", "ssubscribe"}, command)
}

// copyReplies forwards what the server sends, until one side ends.
func (s *session) copyReplies() {
	from := bufio.NewReader(s.server)
	for {
		if _, err := from.Peek(1); err != nil {
			return
		}
		next, asked := s.next()
		if next.raw {
			s.copyRaw(s.client, from)
			return
		}
		for reply := false; !reply; {
			raw, err := readValue(from, nil)
			if err != nil {
				return
			}
			reply = !asked || !unasked(raw)
			if reply && next.drop {
				s.proxy.noteDrop()
				s.reset()
				return
			}
			if !s.wait(s.proxy.currentDelay()) || !s.forward(s.client, raw) {
				return
			}
		}
	}
}

// next returns what is expected now. asked is false if the server speaks first, to
// say that it has too many clients.
func (s *session) next() (e expected, asked bool) {
	select {
	case e = <-s.pending:
		return e, true
	default:
		return expected{}, false
	}
}

func (s *session) copyRaw(to net.Conn, from *bufio.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !s.forward(to, buf[:n]) || err != nil {
			return
		}
	}
}

// wait waits for d and reports whether the connection is still open.
func (s *session) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closed:
		return false
	}
}

// forward writes as soon as nothing is stalled, and reports whether it succeeded.
func (s *session) forward(to net.Conn, data []byte) bool {
	for {
		healed, ok := s.tryForward(to, data)
		if healed == nil {
			return ok
		}
		select {
		case <-healed:
		case <-s.closed:
			return false
		}
	}
}

// tryForward writes if nothing is stalled. Otherwise it returns a channel that is
// closed by Heal.
func (s *session) tryForward(to net.Conn, data []byte) (healed chan struct{}, ok bool) {
	p := s.proxy
	p.gate.RLock()
	defer p.gate.RUnlock()
	if p.stalled == stallAll || p.stalled == stallReplication && s.replica.Load() {
		return p.healed, false
	}
	if err := to.SetWriteDeadline(time.Now().Add(proxyPatience)); err != nil {
		return nil, false
	}
	_, err := to.Write(data)
	return nil, err == nil
}
