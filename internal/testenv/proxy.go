package testenv

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// proxyPatience ends what the proxy does on loopback: dialling its target, and
// writing to somebody who does not read.
const proxyPatience = 2 * time.Second

// ProxyServer stands between a server and whoever talks to it, and does to the
// connections what a network does to them. All its methods may be called at
// any time, from any goroutine.
type ProxyServer struct {
	ctx      context.Context // values only: the test's own ends too early
	target   string
	listener net.Listener
	sessions sync.WaitGroup

	// gate is held for reading while bytes are handed on. Whoever holds it for
	// writing knows that none are on the way.
	gate    sync.RWMutex
	stalled stall
	healed  chan struct{} // closed by Heal; nil while nothing is stalled

	mu      sync.Mutex
	open    map[*session]struct{}
	cut     bool
	delay   time.Duration
	drop    map[string]int // what is left to see of a command until its reply is dropped
	seen    map[string]int
	dropped int
}

// stall says what is held back.
type stall int

const (
	stallNothing stall = iota
	stallReplication
	stallAll
)

// Proxy starts a proxy on a free loopback port. It knows the commands and the
// replies of Redis, and leaves a replication stream, a subscription, TLS and
// whatever else it does not know as it is. It ends with the test.
func Proxy(tb testing.TB, target string) *ProxyServer {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("proxy: %v", err)
	}
	p := &ProxyServer{
		ctx: ctx, target: target, listener: l,
		open: make(map[*session]struct{}), drop: make(map[string]int), seen: make(map[string]int),
	}
	p.sessions.Go(p.accept)
	tb.Cleanup(func() {
		_ = l.Close() // ends accept
		p.Cut()       // ends the rest
		p.sessions.Wait()
	})
	return p
}

// Addr is the host and port that the proxy listens on.
func (p *ProxyServer) Addr() string { return p.listener.Addr().String() }

// URL is the address as redis://host:port.
func (p *ProxyServer) URL() string { return "redis://" + p.Addr() }

// Cut resets every connection, and each new one at once, until Heal.
func (p *ProxyServer) Cut() {
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	p.Reset()
}

// Reset resets every connection there is. New ones work.
func (p *ProxyServer) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.open {
		s.reset()
	}
}

// Stall hands nothing on, in either direction, and leaves the connections
// open. When it returns, no byte is on the way any more. What comes in
// meanwhile follows after Heal.
func (p *ProxyServer) Stall() { p.hold(stallAll) }

// StallReplication is Stall for the connections of replicas, the ones there
// are and those to come. All others go on.
func (p *ProxyServer) StallReplication() { p.hold(stallReplication) }

func (p *ProxyServer) hold(what stall) {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.stalled = what
	if p.healed == nil {
		p.healed = make(chan struct{})
	}
}

// DelayReplies hands each reply on d late. On one connection the replies wait
// for each other.
func (p *ProxyServer) DelayReplies(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// DropReplyTo lets the nth command of that name from now on reach the server,
// counted from 1, and resets the connection in place of the reply: the command
// has run, and whoever sent it cannot know.
func (p *ProxyServer) DropReplyTo(command string, nth int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop[strings.ToLower(command)] = nth
}

// Seen tells how many commands of that name were handed on.
func (p *ProxyServer) Seen(command string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[strings.ToLower(command)]
}

// Dropped tells how many replies were dropped.
func (p *ProxyServer) Dropped() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// Heal takes back whatever was done: cut, stall, delay, and drops that have
// not happened yet.
func (p *ProxyServer) Heal() {
	p.mu.Lock()
	p.cut, p.delay = false, 0
	clear(p.drop)
	p.mu.Unlock()
	p.gate.Lock()
	defer p.gate.Unlock()
	p.stalled = stallNothing
	if p.healed != nil {
		close(p.healed)
		p.healed = nil
	}
}

// accept runs until the listener is closed.
func (p *ProxyServer) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.sessions.Go(func() { p.serve(conn) })
	}
}

func (p *ProxyServer) serve(client net.Conn) {
	d := net.Dialer{Timeout: proxyPatience}
	server, err := d.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		abort(client)
		return
	}
	s := newSession(p, client, server)
	if !p.enter(s) {
		s.reset()
		return
	}
	s.run()
	p.leave(s)
}

func (p *ProxyServer) enter(s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	p.open[s] = struct{}{}
	return true
}

func (p *ProxyServer) leave(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, s)
}

// note counts a command and tells whether its reply is to be dropped.
func (p *ProxyServer) note(command string) (drop bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[command]++
	left, ok := p.drop[command]
	if !ok {
		return false
	}
	if left > 1 {
		p.drop[command] = left - 1
		return false
	}
	delete(p.drop, command)
	return true
}

func (p *ProxyServer) noteDrop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropped++
}

func (p *ProxyServer) lateness() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}
