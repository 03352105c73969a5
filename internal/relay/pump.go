package relay

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"wsticket/internal/wsframe"
)

// bufferSize is that of the buffers in which bytes pass. A message of 64 KiB
// fits with its header: the fewer calls of the system the better.
const bufferSize = 72 << 10

// buffers are for pumps that have something to pass on.
//
//nolint:gochecknoglobals // A pool, which nobody assigns.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// pump passes on what comes from one peer to the other one. All of it belongs
// to its goroutine, but for the atomics.
type pump struct {
	tunnel   *Tunnel
	src, dst *leg
	total    *counter // of the relay
	own      Traffic
	frames   tracker
	// held is a header that is not complete: it goes on together with its
	// rest, so that what has gone on ends within a payload or between frames.
	held  [maxPartial]byte
	holds uint8
	// mute is that a Close frame has gone on, theirs or ours, after which
	// nothing may. What comes is still followed.
	mute bool
	// broken is that dst takes nothing any more.
	broken bool
	// patient is that writable is to wait until something can be written.
	patient bool

	// last is when something came at last, since the start of the tunnel.
	last atomic.Int64
	// alert asks the pump to look, as soon as it stands between two frames,
	// whether a frame of ours is wanted: a Close, or by ping a Ping.
	alert, ping atomic.Bool

	// onReadable and onWritable are methods of the pump, made values once: to
	// do so for each call would cost an allocation. The rest is what they have
	// and leave.
	onReadable, onWritable func(fd uintptr) bool
	buffer                 *[bufferSize]byte
	out                    []byte
	readErr, writeErr      error
}

func (p *pump) init(t *Tunnel, src, dst *leg, total *counter, limit int64) {
	p.tunnel, p.src, p.dst, p.total = t, src, dst, total
	p.frames.limit = limit
	p.onReadable, p.onWritable = p.readable, p.writable
}

// run passes on what was read early, and then what comes. It ends when src has
// no more, or dst takes no more, at the latest when the tunnel is cut.
func (p *pump) run(early []byte) {
	err := p.forward(early)
	for err == nil {
		if p.alert.Load() {
			err = p.attend()
		}
		if err == nil {
			err = p.read()
		}
	}
	p.release()
	p.tunnel.leave(p, err)
}

// disturb makes the pump look at what is wanted of it. It does not wait.
func (p *pump) disturb() {
	p.alert.Store(true)
	p.src.wake()
}

// read passes on what comes until it fails or is disturbed.
func (p *pump) read() error {
	var err error
	if p.src.raw != nil {
		if err = p.src.raw.Read(p.onReadable); err == nil {
			err = p.readErr
		}
	} else {
		err = p.readWaiting()
	}
	if !isTimeout(err) {
		return err
	}
	p.src.calm()
	if p.tunnel.over.Load() { // Asked now, lest abort is what calm has undone.
		return errCut
	}
	return nil
}

// readable is called at once, and again whenever something may be there, until
// it is true.
func (p *pump) readable(fd uintptr) bool {
	for {
		into := p.acquire()
		n, ok, err := tryRead(fd, into)
		if !ok {
			p.release()
			return false
		}
		if err == nil {
			err = p.take(n)
		}
		if err != nil {
			p.readErr = err
			return true
		}
		if n < len(into) && p.src.watched && !p.src.hungUp.Load() {
			p.release()
			return false
		}
	}
}

// readWaiting is for a connection that is read into a buffer of its own while
// nothing is there.
func (p *pump) readWaiting() error {
	n, err := p.src.conn.Read(p.src.wait)
	if n > 0 {
		into := p.acquire()
		n = copy(into, p.src.wait[:n])
		n += p.src.readMore(into[n:], n)
		if failed := p.take(n); failed != nil {
			err = failed
		}
		p.release()
	}
	return err
}

// acquire returns where to read to, in a buffer that begins with what is held.
func (p *pump) acquire() []byte {
	if p.buffer == nil {
		p.buffer = buffers.Get().(*[bufferSize]byte) //nolint:errcheck // Nothing else is in there.
	}
	if p.holds == 0 {
		return p.buffer[:]
	}
	return p.buffer[copy(p.buffer[:], p.held[:p.holds]):]
}

func (p *pump) release() {
	if p.buffer != nil {
		buffers.Put(p.buffer)
		p.buffer = nil
	}
}

// take passes on the n bytes that have come into the buffer.
func (p *pump) take(n int) error {
	if p.tunnel.timed {
		p.last.Store(int64(p.tunnel.age()))
	}
	n += int(p.holds)
	p.holds = 0
	return p.forward(p.buffer[:n])
}

// forward passes b on. Where a frame of ours is wanted, it comes at the first
// end of a frame within b.
func (p *pump) forward(b []byte) error {
	if left := p.frames.left; left <= int64(len(b)) && p.alert.Load() {
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
	if p.frames.closing {
		p.tunnel.hearClose(p)
	}
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
		p.holds = uint8(copy(p.held[:], b[n:])) //nolint:gosec // At most maxPartial.
	}
	return nil
}

func (p *pump) count(messages, bytes uint64) {
	p.own.Messages += messages
	p.own.Bytes += bytes
	p.total.add(messages, bytes)
}

// refuse closes the tunnel for the sake of a frame, which does not go on.
func (p *pump) refuse(err error, rest []byte) error {
	tooBig := errors.Is(err, errTooBig)
	if tooBig {
		// To the application the client just goes: it was not its message.
		p.tunnel.close(farewell{closing{codeTooBig, "too big"}, closing{codeGoingAway, ""}})
	} else {
		p.tunnel.Close(codeProtocolError, "malformed frame")
	}
	if err := p.attend(); err != nil {
		return err
	}
	if tooBig {
		// A Close frame behind it is waited for.
		p.frames.limit = 0
		return p.pass(rest)
	}
	// Nothing behind it is a frame: it is like a payload without an end.
	p.frames.left = math.MaxInt64
	return nil
}

// attend puts a frame of ours between two frames, where the stream stands
// there and one is wanted. Control frames may stand within a fragmented
// message, too (RFC 6455 5.4).
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
		// The Pong goes on to the application, which ignores it, as it has not
		// asked for one (RFC 6455 5.5.3).
		p.tunnel.pinged.Store(int64(p.tunnel.age()))
		return p.write(wsframe.Append(nil, wsframe.Ping, nil, nil))
	}
	return nil
}
