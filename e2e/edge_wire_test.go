//go:build e2e

package e2e_test

import (
	"context"
	"net"
	"sync"
	"testing"
)

// wire is the connection between a proxy and the service that it asks. A test can
// disturb it.
type wire struct {
	target   string
	listener net.Listener
	ctx      context.Context // not cancelled: the test's own ends too early
	sessions sync.WaitGroup

	mu     sync.Mutex
	open   map[*strand]struct{}
	asked  []byte        // all questions, as they were sent
	kill   bool          // drop the next answer and its connection
	killed int           // the number of dropped answers
	healed chan struct{} // closed by heal; nil if nothing is stalled
}

// strand is one connection.
type strand struct {
	client, server net.Conn
	once           sync.Once
	closed         chan struct{}
}

func newWire(t testing.TB, target string) *wire {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{target: target, listener: l, ctx: context.WithoutCancel(t.Context()), open: make(map[*strand]struct{})}
	w.sessions.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close() // ends accept
		w.each((*strand).reset)
		w.sessions.Wait()
	})
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

// killNextAnswer resets the connection instead of forwarding the next answer: the
// service has done what was asked, and the proxy cannot know that.
func (w *wire) killNextAnswer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kill = true
}

// kills returns how many answers were dropped.
func (w *wire) kills() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.killed
}

// questions returns what the proxy has sent so far.
func (w *wire) questions() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.asked)
}

// stall holds back all answers until heal.
func (w *wire) stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.healed = make(chan struct{})
}

func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.healed)
	w.healed = nil
}

func (w *wire) each(do func(*strand)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.open {
		do(s)
	}
}

// accept runs until the listener is closed.
func (w *wire) accept() {
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.sessions.Go(func() { w.serve(conn) })
	}
}

func (w *wire) serve(client net.Conn) {
	d := net.Dialer{Timeout: patience}
	server, err := d.DialContext(w.ctx, "tcp", w.target)
	if err != nil {
		reset(client)
		return
	}
	s := &strand{client: client, server: server, closed: make(chan struct{})}
	w.mu.Lock()
	w.open[s] = struct{}{}
	w.mu.Unlock()
	var questions sync.WaitGroup
	questions.Go(func() { s.copyTo(s.server, s.client, w.record) })
	s.copyTo(s.client, s.server, func([]byte) bool { return w.passes(s) })
	questions.Wait()
	w.mu.Lock()
	delete(w.open, s)
	w.mu.Unlock()
}

// record keeps a part of a question, and lets it pass.
func (w *wire) record(part []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, part...)
	return true
}

// passes waits while answers are stalled and reports whether to forward this one.
func (w *wire) passes(s *strand) bool {
	w.mu.Lock()
	lost, healed := w.kill, w.healed
	if lost {
		w.kill = false
		w.killed++
	}
	w.mu.Unlock()
	if healed != nil {
		select {
		case <-healed:
		case <-s.closed:
			return false
		}
	}
	return !lost
}

// copyTo forwards until one side ends or passes returns false.
func (s *strand) copyTo(to, from net.Conn, passes func(part []byte) bool) {
	defer s.close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !passes(buf[:n]) {
			s.reset()
			return
		}
		if _, broken := to.Write(buf[:n]); err != nil || broken != nil {
			return
		}
	}
}

func (s *strand) close() {
	s.once.Do(func() {
		close(s.closed)
		_, _ = s.client.Close(), s.server.Close()
	})
}

// reset resets both connections.
func (s *strand) reset() {
	s.once.Do(func() {
		close(s.closed)
		reset(s.client)
		reset(s.server)
	})
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
