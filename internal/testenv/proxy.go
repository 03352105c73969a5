package testenv

import (
	"context"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// proxyPatience limits how long the proxy dials its target, and how long it writes
// to a peer that does not read.
const proxyPatience = 2 * time.Second

// ProxyServer forwards connections to a server and simulates faults of the network
// between. All its methods are safe for concurrent use.
type ProxyServer struct {
	ctx      context.Context // not cancelled: the test's own ends too early
	target   string
	listener net.Listener
	sessions sync.WaitGroup

	// gate is read-locked while bytes are forwarded. While it is write-locked, none
	// are on the way.
	gate    sync.RWMutex
	stalled stall
	healed  chan struct{} // closed by Heal; nil if nothing is stalled

	mu      sync.Mutex
	open    map[*session]struct{}
	cut     bool
	delay   time.Duration
	drop    map[string]int // by command: how many more until a reply is dropped
	seen    map[string]int
	dropped int
}

// stall is what the proxy holds back.
type stall int

const (
	stallNothing stall = iota
	stallReplication
	stallAll
)

// Proxy starts a proxy on a free loopback port. It parses the commands and replies
// of Redis; replication streams, subscriptions, TLS and anything else it forwards
// unparsed. It is closed when the test ends.
func Proxy(tb testing.TB, target string) *ProxyServer {
	tb.Helper()
	ctx := lasting(tb)
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

// Addr returns the host and port of the proxy.
func (p *ProxyServer) Addr() string { return p.listener.Addr().String() }

// URL returns the address as redis://host:port.
func (p *ProxyServer) URL() string { return "redis://" + p.Addr() }

// Cut resets all connections, and also new ones until Heal.
func (p *ProxyServer) Cut() {
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	p.Reset()
}

// Reset resets all present connections. New ones work.
func (p *ProxyServer) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.open {
		s.reset()
	}
}

// Stall keeps all connections open, but forwards nothing in either direction until
// Heal. When it returns, no bytes are on the way. What arrives in the meantime is
// forwarded after Heal.
func (p *ProxyServer) Stall() { p.hold(stallAll) }

// StallReplication is Stall for the connections of replicas only, present and new
// ones.
func (p *ProxyServer) StallReplication() { p.hold(stallReplication) }

func (p *ProxyServer) hold(what stall) {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.stalled = what
	if p.healed == nil {
		p.healed = make(chan struct{})
	}
}

// DelayReplies delays each reply by d. The delays of one connection add up.
func (p *ProxyServer) DelayReplies(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// DropReplyTo forwards the nth command of that name from now on, counted from 1,
// but resets the connection instead of forwarding the reply: the command has run,
// and the client cannot know that.
func (p *ProxyServer) DropReplyTo(command string, nth int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop[strings.ToLower(command)] = nth
}

// Seen returns how many commands of that name were forwarded.
func (p *ProxyServer) Seen(command string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[strings.ToLower(command)]
}

// Commands returns how many commands were forwarded, by their names. The caller
// owns the map.
func (p *ProxyServer) Commands() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.seen)
}

// Dropped returns how many replies were dropped.
func (p *ProxyServer) Dropped() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// Heal ends all faults: cuts, stalls, delays, and drops that have not happened yet.
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

// note counts a command and reports whether its reply is to be dropped.
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

func (p *ProxyServer) currentDelay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}
