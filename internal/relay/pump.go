package relay

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"wsticket/internal/wsframe"
)

// errStalled is a peer that takes nothing for too long.
var errStalled = errors.New("peer does not read")

// pump passes on what comes from one peer to the other one. All of it belongs
// to its goroutine, but for the atomics.
type pump struct {
	tunnel   *Tunnel
	src, dst *leg
	total    *counter // of the relay
	own      Traffic
	frames   tracker
	// held is a header that is not complete: it goes on with the rest of it,
	// so that what has gone on ends within a payload or between two frames.
	held  [maxPartial]byte
	holds int
	// mute is that a Close frame has gone on, theirs or ours, after which
	// nothing may. What comes is still followed.
	mute bool
	// broken is that dst takes nothing any more.
	broken bool
	// early was read before the pump began.
	early []byte

	// last is when something came at last, since the start of the tunnel.
	last atomic.Int64
	// alert asks the pump to look at ping and at the tunnel's farewell as soon
	// as it stands between two frames.
	alert, ping atomic.Bool

	// The rest is for onReadable and onWritable, which are made once, because
	// to make one for each call costs an allocation.
	onReadable, onWritable func(fd uintptr) bool
	buffer                 *[bufferSize]byte
	n                      int
	err                    error
	out                    []byte
	patient                bool
}

func (p *pump) init(t *Tunnel, src, dst *leg, total *counter, limit int64) {
	p.tunnel, p.src, p.dst, p.total = t, src, dst, total
	p.frames.limit = limit
	if src.raw != nil {
		p.onReadable = p.readable
	}
	if dst.raw != nil {
		p.onWritable = p.writable
	}
}

// run ends when src has no more, or dst takes no more, at the latest when the
// tunnel is cut.
func (p *pump) run() {
	err := p.forward(p.early)
	p.early = nil
	for err == nil {
		err = p.step()
	}
	p.release()
	p.tunnel.leave(p, err)
}

// disturb makes the pump look at what is wanted of it. It does not wait.
func (p *pump) disturb() {
	p.alert.Store(true)
	p.src.wake()
}

// step passes on what comes next.
func (p *pump) step() error {
	if p.alert.Load() {
		if err := p.attend(); err != nil {
			return err
		}
	}
	n, failed := p.read()
	if n > 0 {
		if p.tunnel.timed {
			p.last.Store(int64(p.tunnel.age()))
		}
		n, p.holds = n+p.holds, 0
		if err := p.forward(p.buffer[:n]); err != nil {
			return err
		}
	}
	if failed != nil && isTimeout(failed) {
		p.src.calm() // Somebody wants attention.
		return nil
	}
	return failed
}

// read waits until something is there and puts it into the buffer, behind what
// is held.
func (p *pump) read() (int, error) {
	if p.src.raw == nil {
		return p.src.readWaiting(p.acquire)
	}
	if err := p.src.raw.Read(p.onReadable); err != nil {
		return 0, err
	}
	return p.n, p.err
}

// readable is called until it is true, first at once and then whenever
// something may be there.
func (p *pump) readable(fd uintptr) bool {
	var ok bool
	p.n, ok, p.err = tryRead(fd, p.acquire())
	if !ok {
		p.release()
	}
	return ok
}

// acquire returns the part of the buffer to read into.
func (p *pump) acquire() []byte {
	if p.buffer == nil {
		p.buffer = buffers.Get().(*[bufferSize]byte) //nolint:errcheck // It holds nothing else.
	}
	return p.buffer[copy(p.buffer[:], p.held[:p.holds]):]
}

func (p *pump) release() {
	if p.buffer != nil {
		buffers.Put(p.buffer)
		p.buffer = nil
	}
}

// forward passes b on. Where somebody wants attention, it gets it at the first
// end of a frame within b.
func (p *pump) forward(b []byte) error {
	if left := p.frames.left; p.alert.Load() && left < int64(len(b)) {
		if err := p.pass(b[:left]); err != nil {
			return err
		}
		if err := p.attend(); err != nil {
			return err
		}
		b = b[left:]
	}
	return p.pass(b)
}

// pass follows b and writes what of it may be written.
func (p *pump) pass(b []byte) error {
	messages := p.frames.messages
	n, malformed := p.frames.feed(b)
	if n > 0 && !p.mute {
		if err := p.write(b[:n]); err != nil {
			return err
		}
		p.count(p.frames.messages-messages, uint64(n))
	}
	switch {
	case malformed != nil:
		return p.refuse(malformed, b[n:])
	case p.frames.ended():
		p.mute = true
		p.tunnel.passedClose(p)
	default:
		p.holds = copy(p.held[:], b[n:])
	}
	return nil
}

func (p *pump) count(messages, bytes uint64) {
	p.own.Messages += messages
	p.own.Bytes += bytes
	p.total.add(messages, bytes)
}

// refuse closes the tunnel for a frame that does not go on.
func (p *pump) refuse(err error, rest []byte) error {
	if errors.Is(err, errTooBig) {
		// To the application the client is gone; it was not its message.
		p.tunnel.close(farewell{closing{codeTooBig, "too big"}, closing{codeGoingAway, ""}})
	} else {
		p.tunnel.Close(codeProtocolError, "malformed frame")
	}
	if err := p.attend(); err != nil {
		return err
	}
	if errors.Is(err, errTooBig) {
		// There may be a Close frame behind it, which is waited for.
		p.frames.limit = 0
		return p.pass(rest)
	}
	// Nothing behind it is a frame. It is read until the peer has enough.
	p.frames.left = math.MaxInt64
	return nil
}

// attend puts a frame of ours between two frames, where it stands there and
// one is wanted. Control frames may stand within a fragmented message, too
// (RFC 6455 5.4).
func (p *pump) attend() error {
	if p.frames.left > 0 {
		return nil
	}
	p.alert.Store(false)
	if p.mute {
		return nil
	}
	if bye := p.tunnel.bye.Load(); bye != nil {
		p.mute = true
		err := p.write(p.tunnel.closeFrame(p, bye))
		p.tunnel.toldClose(p)
		return err
	}
	if p.ping.CompareAndSwap(true, false) {
		// The Pong goes on to the application, which ignores it, as it has
		// not asked for one (RFC 6455 5.5.3).
		p.tunnel.pinged.Store(int64(p.tunnel.age()))
		return p.write(wsframe.Append(nil, wsframe.Ping, nil, nil))
	}
	return nil
}

// write writes all of b. Only where it has to wait a deadline is set.
func (p *pump) write(b []byte) error {
	err := p.writeAll(b)
	if isTimeout(err) {
		err = errStalled
	}
	p.broken = err != nil
	return err
}

func (p *pump) writeAll(b []byte) error {
	if p.dst.raw == nil {
		if err := p.expect(); err != nil {
			return err
		}
		_, err := p.dst.conn.Write(b)
		return err
	}
	p.out, p.patient = b, false
	if err := p.writeRaw(); err != nil || len(p.out) == 0 {
		return err
	}
	p.patient = true
	for len(p.out) > 0 {
		// A peer that takes a little each time is slow and not stalled.
		if err := p.expect(); err != nil {
			return err
		}
		if err := p.writeRaw(); err != nil {
			return err
		}
	}
	return p.dst.conn.SetWriteDeadline(time.Time{})
}

func (p *pump) expect() error {
	return p.dst.conn.SetWriteDeadline(time.Now().Add(p.tunnel.relay.options.WriteTimeout))
}

func (p *pump) writeRaw() error {
	if err := p.dst.raw.Write(p.onWritable); err != nil {
		return err
	}
	return p.err
}

// writable is called until it is true, first at once and then whenever
// something can be written.
func (p *pump) writable(fd uintptr) bool {
	for len(p.out) > 0 {
		n, ok, err := tryWrite(fd, p.out)
		if !ok {
			return !p.patient
		}
		p.out, p.err = p.out[n:], err
		if err != nil || p.patient {
			return true
		}
	}
	return true
}
