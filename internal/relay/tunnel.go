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

// The close codes that this package sends or reports by itself (RFC 6455
// 7.4.1).
const (
	codeGoingAway     = 1001
	codeProtocolError = 1002
	codeAbnormal      = 1006
	codeTooBig        = 1009
)

// The values of [Result.By].
const (
	ByClient   = "client"
	ByUpstream = "upstream"
	ByRelay    = "relay"
)

// Result describes how a [Tunnel] ended.
type Result struct {
	// Code is the close code of the first Close frame, 1005 if that frame had
	// no code, and 1006 if there was no Close frame.
	Code uint16
	// By is who sent that frame, or who ended the connection without one:
	// [ByClient], [ByUpstream] or [ByRelay].
	By string
	// Fault is the rule that a frame has broken, if the relay has closed the
	// tunnel for that, and FaultBy who sent the frame: [ByClient] or
	// [ByUpstream]. Otherwise both are empty.
	Fault   wsframe.Fault
	FaultBy string
	// FromClient and FromUpstream are what the tunnel forwarded.
	FromClient, FromUpstream Traffic
	// Duration is the time from the start of the tunnel to its end.
	Duration time.Duration
}

// Tunnel is a relayed connection. Its methods are safe for concurrent use and
// do not block.
type Tunnel struct {
	relay            *Relay
	onEnd            func(Result)
	start            time.Time
	client, upstream peerConn
	up, down         pump // from the client, and to the client

	// tracksActivity makes pumps record the time of each read.
	tracksActivity bool
	// lastPing is when a Ping was last sent to the client, as an age.
	lastPing atomic.Int64
	// ownClose is what the relay itself closes the tunnel with. nil: it does
	// not.
	ownClose atomic.Pointer[closeFrames]
	// isCut tells the pumps to end.
	isCut atomic.Bool

	mu        sync.Mutex
	lingering bool
	// timer first limits the silence of the peers. Once the tunnel is
	// lingering, it cuts the tunnel at the age lingerUntil. nil: not started.
	timer       *time.Timer
	lingerUntil time.Duration
	running     int      // number of pumps that have not ended
	ended       *Result  // incomplete; nil until it is known how the tunnel ends
	texts       [][]byte // of Send, that wait
}

// closeFrames are the contents of the Close frames that the relay sends, and
// the fault of a peer that is the reason, see [Result.Fault].
type closeFrames struct {
	toClient, toUpstream closeFrame
	fault                wsframe.Fault
	faultBy              string
}

type closeFrame struct {
	code   uint16
	reason string
}

func (r *Relay) newTunnel(client, upstream net.Conn, bits wsframe.ReservedBits, onEnd func(Result)) *Tunnel {
	t := &Tunnel{
		relay: r, onEnd: onEnd, start: time.Now(), running: 2,
		tracksActivity: r.options.Ping > 0 || r.options.IdleTimeout > 0,
	}
	t.client.init(client)
	t.upstream.init(upstream)
	t.up.init(t, &t.client, &t.upstream, &r.fromClient, wsframe.Tracker{
		Limit: r.options.MaxMessage, Rules: wsframe.Rules{Masked: true, Bits: bits},
	})
	t.down.init(t, &t.upstream, &t.client, &r.fromUpstream, wsframe.Tracker{Rules: wsframe.Rules{Bits: bits}})
	return t
}

// run starts the pumps with what was already read from the two peers, and
// returns. The pumps run until the tunnel ends.
func (t *Tunnel) run(fromClient, fromUpstream []byte) {
	t.relay.openTunnels.Add(1)
	if t.tracksActivity {
		t.checkSilence(0, false)
	}
	t.relay.hangups.add(t)
	go t.up.run(fromClient)
	go t.down.run(fromUpstream)
}

// age returns the time since the start of the tunnel.
func (t *Tunnel) age() time.Duration { return time.Since(t.start) }

// Close starts to close the tunnel and returns at once. Both peers are sent a
// Close frame as soon as the frame being forwarded to them is complete, and
// nothing after it; what they still send is discarded. After [Options.Linger]
// the tunnel is cut, if the peers have not completed the close handshake and
// left before.
//
// code must be one that may be sent (RFC 6455 7.4). A reason of more than 123
// bytes is truncated. Only the first call has an effect.
func (t *Tunnel) Close(code uint16, reason string) {
	t.close(closeFrames{toClient: closeFrame{code, reason}, toUpstream: closeFrame{code, reason}})
}

func (t *Tunnel) close(frames closeFrames) {
	if !t.ownClose.CompareAndSwap(nil, &frames) {
		return
	}
	t.mu.Lock()
	t.recordEnd(Result{Code: frames.toClient.code, By: ByRelay, Fault: frames.fault, FaultBy: frames.faultBy})
	t.startLinger()
	t.mu.Unlock()
	t.up.requestFrame()
	t.down.requestFrame()
}

// Cut ends the tunnel at once, without Close frames.
func (t *Tunnel) Cut() {
	t.mu.Lock()
	t.recordEnd(Result{Code: codeAbnormal, By: ByRelay})
	t.mu.Unlock()
	t.isCut.Store(true)
	t.client.abort()
	t.upstream.abort()
}

// recordEnd records how the tunnel ends. Only the first call counts, because
// everything later is a consequence. The caller holds t.mu.
func (t *Tunnel) recordEnd(how Result) {
	if t.ended == nil {
		t.ended = &how
	}
}

// encodeClose returns the Close frame of the relay that p has to send. It is
// masked for the application, to which the relay is a client (RFC 6455 5.1).
func (t *Tunnel) encodeClose(p *pump, frames *closeFrames) []byte {
	if p == &t.down {
		return wsframe.Append(nil, wsframe.Close, wsframe.ClosePayload(frames.toClient.code, frames.toClient.reason), nil)
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // It never returns an error.
	return wsframe.Append(nil, wsframe.Close, wsframe.ClosePayload(frames.toUpstream.code, frames.toUpstream.reason), &mask)
}

// closeFound records how the tunnel ends when p has read a Close frame.
func (t *Tunnel) closeFound(p *pump) {
	t.mu.Lock()
	t.recordEnd(Result{Code: p.frames.Code, By: t.nameOf(p.src)})
	t.mu.Unlock()
}

// ownCloseSent records that p has sent the Close frame of the relay.
func (t *Tunnel) ownCloseSent(p *pump) {
	t.mu.Lock()
	p.dst.closeSent = true
	t.mu.Unlock()
	t.finishCloseHandshakes()
}

// closeRead records that a Close frame has come from p.src. By then one has been
// sent to p.dst as well: this frame, or the relay's own one before it.
func (t *Tunnel) closeRead(p *pump) {
	t.mu.Lock()
	p.src.closeReceived, p.dst.closeSent = true, true
	t.mu.Unlock()
	t.finishCloseHandshakes()
}

// finishCloseHandshakes shuts down the write side of each peer with which the
// close handshake is complete (RFC 6455 7.1.1), and starts the linger time.
func (t *Tunnel) finishCloseHandshakes() {
	for _, c := range []*peerConn{&t.client, &t.upstream} {
		t.mu.Lock()
		complete := c.closeReceived && c.closeSent && !c.writeClosed
		if complete {
			c.writeClosed = true
			t.startLinger()
		}
		t.mu.Unlock()
		if complete {
			c.closeWrite() // Without the lock, because it may block with TLS.
		}
	}
}

func (t *Tunnel) nameOf(c *peerConn) string {
	if c == &t.client {
		return ByClient
	}
	return ByUpstream
}

// pumpEnded records that p has ended because of err, and shuts down the write
// side of its destination. The last pump ends the tunnel.
func (t *Tunnel) pumpEnded(p *pump, err error) {
	if errors.Is(err, errStalled) {
		t.Cut()
	}
	failed := p.src
	if p.writeFailed {
		failed = p.dst
	}
	t.mu.Lock()
	t.recordEnd(Result{Code: codeAbnormal, By: t.nameOf(failed)})
	t.mu.Unlock()
	shutDown := !p.writeFailed && p.dst.closeWrite()
	t.mu.Lock()
	// A peer that has only shut down its write side may go on reading, for any
	// time. If it has sent a Close frame or is gone, the other peer has the
	// linger time left.
	if !errors.Is(err, io.EOF) || p.src.closeReceived || !shutDown {
		t.startLinger()
	}
	t.running--
	last := t.running == 0
	t.mu.Unlock()
	if last {
		t.finish()
	}
}

// finish closes the connections, frees what the tunnel holds and reports the
// result. The pump that ends last calls it.
func (t *Tunnel) finish() {
	t.relay.hangups.remove(t)
	// The place of the client is that of both connections, so its own is the last.
	closeNow(t.upstream.conn)
	closeNow(t.client.conn)
	t.mu.Lock()
	if t.timer != nil {
		t.timer.Stop()
	}
	result := *t.ended
	result.Duration, result.FromClient, result.FromUpstream = t.age(), t.up.traffic, t.down.traffic
	t.mu.Unlock()
	t.relay.openTunnels.Add(-1)
	if t.onEnd != nil {
		t.onEnd(result)
	}
}
