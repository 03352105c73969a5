package relay

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"wsticket/internal/wsframe"
)

// The codes that this package sends by itself or reports (RFC 6455 7.4.1).
const (
	codeGoingAway     = 1001
	codeProtocolError = 1002
	codeAbnormal      = 1006
	codeTooBig        = 1009
)

// Whoever ended a tunnel.
const (
	ByClient   = "client"
	ByUpstream = "upstream"
	ByRelay    = "relay"
)

// Result is how a [Tunnel] has ended.
type Result struct {
	// Code is that of the first Close frame, 1005 where it had none, and 1006
	// where there was no Close frame.
	Code uint16
	// By is who sent that frame, or ended the connection without one.
	By string
	// FromClient and FromUpstream are what was passed on.
	FromClient, FromUpstream Traffic
	// Duration is from the start of the tunnel to its end.
	Duration time.Duration
}

// Tunnel is a connection that is relayed. Its methods may be called from any
// goroutine and do not block.
type Tunnel struct {
	relay            *Relay
	ended            func(Result)
	start            time.Time
	client, upstream leg
	up, down         pump // from the client, and to it

	// timed is that pumps note when something came.
	timed bool
	// pinged is when a Ping was written at last, since the start.
	pinged atomic.Int64
	bye    atomic.Pointer[farewell]
	// over is that pumps are to end.
	over atomic.Bool

	mu sync.Mutex
	// timer is for the silence of peers, and once the tunnel lingers, for its
	// end at until. Nil: nothing is waited for.
	timer     *time.Timer
	lingering bool
	until     time.Duration
	running   int // pumps; at 0 the tunnel is over
	code      uint16
	by        string
}

// farewell is with what we close, to either side.
type farewell struct{ client, upstream closing }

type closing struct {
	code   uint16
	reason string
}

func (r *Relay) newTunnel(client, upstream net.Conn, ended func(Result)) *Tunnel {
	t := &Tunnel{
		relay: r, ended: ended, start: time.Now(), running: 2,
		timed: r.options.Ping > 0 || r.options.IdleTimeout > 0,
	}
	t.client.init(client)
	t.upstream.init(upstream)
	t.up.init(t, &t.client, &t.upstream, &r.fromClient, r.options.MaxMessage)
	t.down.init(t, &t.upstream, &t.client, &r.fromUpstream, 0)
	return t
}

// run starts the pumps. They end with the tunnel.
func (t *Tunnel) run(fromClient, fromUpstream []byte) {
	t.relay.open.Add(1)
	if t.timed {
		t.watch(0, false)
	}
	t.relay.hangups.watch(t)
	go t.up.run(fromClient)
	go t.down.run(fromUpstream)
}

// age is the time since the start of the tunnel.
func (t *Tunnel) age() time.Duration { return time.Since(t.start) }

// Close closes the tunnel, unless somebody has done so before: a Close frame
// goes to either side as soon as its stream stands between two frames, and
// nothing after it. What peers send then is dropped. They have as long as
// [Options.Linger] to answer and to leave, then the tunnel is cut. The code is
// one that may be sent (RFC 6455 7.4), and a reason of more than 123 bytes is
// cut short.
func (t *Tunnel) Close(code uint16, reason string) {
	t.close(farewell{closing{code, reason}, closing{code, reason}})
}

func (t *Tunnel) close(bye farewell) {
	if !t.bye.CompareAndSwap(nil, &bye) {
		return
	}
	t.mu.Lock()
	t.note(bye.client.code, ByRelay)
	t.linger()
	t.mu.Unlock()
	t.up.disturb()
	t.down.disturb()
}

// Cut ends the tunnel at once, without a word to anybody.
func (t *Tunnel) Cut() {
	t.mu.Lock()
	t.note(codeAbnormal, ByRelay)
	t.mu.Unlock()
	t.over.Store(true)
	t.client.abort()
	t.upstream.abort()
}

// note keeps how the tunnel ends. The first to say so is right. Locked.
func (t *Tunnel) note(code uint16, by string) {
	if t.by == "" {
		t.code, t.by = code, by
	}
}

// closeFrame is the one of ours to where p writes. Only what goes to the
// application is masked (RFC 6455 5.1).
func (t *Tunnel) closeFrame(p *pump, bye *farewell) []byte {
	if p == &t.down {
		return wsframe.Append(nil, wsframe.Close, wsframe.ClosePayload(bye.client.code, bye.client.reason), nil)
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // It does not fail.
	return wsframe.Append(nil, wsframe.Close, wsframe.ClosePayload(bye.upstream.code, bye.upstream.reason), &mask)
}

// toldClose notes that p has written a Close frame of ours.
func (t *Tunnel) toldClose(p *pump) {
	t.mu.Lock()
	p.dst.told = true
	t.mu.Unlock()
	t.settle()
}

// hearClose notes that a peer begins to send a Close frame.
func (t *Tunnel) hearClose(p *pump) {
	t.mu.Lock()
	t.note(p.frames.code, t.nameOf(p.src))
	t.mu.Unlock()
}

// passedClose notes that a peer has sent a Close frame, and that one has gone
// on: that one, or ours.
func (t *Tunnel) passedClose(p *pump) {
	t.mu.Lock()
	p.src.said, p.dst.told = true, true
	t.mu.Unlock()
	t.settle()
}

// settle says nothing more to a peer with whom Close frames were exchanged
// (RFC 6455 7.1.1), and lets the tunnel end soon.
func (t *Tunnel) settle() {
	for _, l := range []*leg{&t.client, &t.upstream} {
		t.mu.Lock()
		over := l.said && l.told && !l.shut
		if over {
			l.shut = true
			t.linger()
		}
		t.mu.Unlock()
		if over {
			l.closeWrite() // Not locked: with TLS it may wait.
		}
	}
}

func (t *Tunnel) nameOf(l *leg) string {
	if l == &t.client {
		return ByClient
	}
	return ByUpstream
}

// leave notes that a pump has ended, and passes the end on. The last one ends
// the tunnel.
func (t *Tunnel) leave(p *pump, err error) {
	if errors.Is(err, errStalled) {
		t.Cut()
	}
	at := p.src
	if p.broken {
		at = p.dst
	}
	t.mu.Lock()
	t.note(codeAbnormal, t.nameOf(at))
	t.mu.Unlock()
	passedOn := !p.broken && p.dst.closeWrite()
	t.mu.Lock()
	// A peer may have said all that it has to say and go on listening. But
	// where it has said Close, or is gone, the other one has a last moment.
	if !errors.Is(err, io.EOF) || p.src.said || !passedOn {
		t.linger()
	}
	t.running--
	last := t.running == 0
	t.mu.Unlock()
	if last {
		t.end()
	}
}

func (t *Tunnel) end() {
	t.relay.hangups.unwatch(t)
	cut(t.client.conn)
	cut(t.upstream.conn)
	t.mu.Lock()
	if t.timer != nil {
		t.timer.Stop()
	}
	result := Result{
		Code: t.code, By: t.by, Duration: t.age(),
		FromClient: t.up.own, FromUpstream: t.down.own,
	}
	t.mu.Unlock()
	t.relay.open.Add(-1)
	if t.ended != nil {
		t.ended(result)
	}
}
