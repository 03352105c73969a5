package relay

import (
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"wsticket/internal/wsframe"
)

// bufferSize is the size of the pumps' buffers in bytes. A message of 64 KiB
// fits together with its header, so that it takes as few system calls as
// possible.
const bufferSize = 72 << 10

// buffers holds the buffers of pumps that have nothing to forward.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// pump forwards what comes from one peer to the other one. All fields except
// the atomic ones belong to its goroutine.
type pump struct {
	tunnel   *Tunnel
	src, dst *peerConn
	total    *counter // of all tunnels, in this direction
	traffic  Traffic  // of this tunnel, in this direction
	frames   wsframe.Tracker
	// filter takes out what is for us. nil: nothing is.
	filter *wsframe.Filter
	// partial holds the first bytes of a header or Close frame that is not
	// complete, up to [wsframe.MaxPartial]. They are forwarded together with the
	// rest of it, so that no write ends within a header, and nothing is sent of
	// a frame that turns out to be invalid.
	partial []byte
	// discarding is set when a Close frame has been sent to dst, from src or
	// from the relay. No frame may follow it (RFC 6455 5.5.1): what src sends
	// is still parsed, but not forwarded.
	discarding bool
	// writeFailed is set when a write to dst has failed.
	writeFailed bool
	// mustWrite makes writable wait until it has written at least one byte.
	mustWrite bool

	// lastRead is when src last sent something, as an age of the tunnel.
	lastRead atomic.Int64
	// frameWanted makes the pump call insertFrame between two frames.
	// pingWanted says that the frame is a Ping, unless the tunnel is closing.
	frameWanted, pingWanted atomic.Bool

	// onReadable and onWritable are the method values of readable and writable.
	// They are made once, because each method value costs an allocation. The
	// other fields are their arguments and results.
	onReadable, onWritable func(fd uintptr) bool
	buffer                 *[bufferSize]byte
	unsent                 []byte
	readErr, writeErr      error
}

func (p *pump) init(t *Tunnel, src, dst *peerConn, total *counter, frames wsframe.Tracker) {
	p.tunnel, p.src, p.dst, p.total, p.frames = t, src, dst, total, frames
	p.onReadable, p.onWritable = p.readable, p.writable
}

// run forwards early, which was read before, and then everything that src
// sends. It returns when src has finished sending, when a write to dst fails,
// or when the tunnel is cut.
func (p *pump) run(early []byte) {
	err := p.forward(early)
	for err == nil {
		if p.frameWanted.Load() {
			err = p.insertFrame()
		}
		if err == nil {
			err = p.read()
		}
	}
	p.releaseBuffer()
	p.sayFarewell()
	p.tunnel.pumpEnded(p, err)
}

// sayFarewell sends the client the frame of [Options.Vanished], if the application has
// gone away without a Close frame.
func (p *pump) sayFarewell() {
	t, vanished := p.tunnel, p.tunnel.relay.options.Vanished
	if vanished == nil || p != &t.down || p.discarding || p.writeFailed || len(p.partial) > 0 || t.isCut.Load() {
		return
	}
	if code, reason := vanished(); code != 0 {
		t.Close(code, reason)
		_ = p.insertFrame()
	}
}

// requestFrame makes the pump call insertFrame between two frames. It may be
// called from any goroutine and does not wait.
func (p *pump) requestFrame() {
	p.frameWanted.Store(true)
	p.src.interruptRead()
}

// read forwards what src sends. It returns nil when it was interrupted,
// otherwise the error.
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
	p.src.allowRead()
	if p.tunnel.isCut.Load() { // Checked after allowRead, which may have undone abort.
		return errCut
	}
	return nil
}

// readable forwards what can be read from the socket without waiting. The
// network poller calls it first at once, and again whenever the socket may be
// readable, until it returns true, after it has set p.readErr.
func (p *pump) readable(fd uintptr) bool {
	for {
		into := p.acquireBuffer()
		n, ok, err := tryRead(fd, into)
		if !ok {
			p.releaseBuffer()
			return false
		}
		if err == nil {
			err = p.forwardRead(n)
		}
		if err != nil {
			p.readErr = err
			return true
		}
		// A short read has emptied the socket. Whether the end of the stream
		// follows, hangups tells; without it only another read can.
		if n < len(into) && p.src.registered && !p.src.hungUp.Load() {
			p.releaseBuffer()
			return false
		}
	}
}

// readWaiting reads and forwards once, from a connection that is no plain
// socket. It waits with a small buffer, and takes a large one only when data
// has come.
func (p *pump) readWaiting() error {
	n, err := p.src.conn.Read(p.src.waitBuffer)
	if n > 0 {
		into := p.acquireBuffer()
		n = copy(into, p.src.waitBuffer[:n])
		n += p.src.readMore(into[n:], n)
		if failed := p.forwardRead(n); failed != nil {
			err = failed
		}
		p.releaseBuffer()
	}
	return err
}

// acquireBuffer takes a buffer from the pool, unless the pump has one, and
// returns the part of it to read into, which begins after the partial header.
func (p *pump) acquireBuffer() []byte {
	if p.buffer == nil {
		p.buffer = buffers.Get().(*[bufferSize]byte) //nolint:errcheck // The pool holds nothing else.
	}
	return p.buffer[copy(p.buffer[:], p.partial):]
}

func (p *pump) releaseBuffer() {
	if p.buffer != nil {
		buffers.Put(p.buffer)
		p.buffer = nil
	}
}

// forwardRead forwards n bytes that were read into what acquireBuffer returned.
func (p *pump) forwardRead(n int) error {
	if p.tunnel.tracksActivity {
		p.lastRead.Store(int64(p.tunnel.age()))
	}
	if p.filter != nil {
		return p.forwardFiltered(n)
	}
	n += len(p.partial)
	p.partial = p.partial[:0]
	return p.forward(p.buffer[:n])
}

// forwardFiltered is forwardRead for a pump with a filter.
func (p *pump) forwardFiltered(n int) error {
	start := len(p.partial)
	b := p.filter.Pass(p.buffer[start : start+n])
	if start > 0 {
		b = slices.Concat(p.partial, b)
	}
	p.partial = p.partial[:0]
	return p.forward(b)
}

// forward forwards b. If a frame of the relay is wanted, it is inserted at the
// end of the current frame, provided that b reaches that far.
func (p *pump) forward(b []byte) error {
	if left := p.frames.Left; left <= int64(len(b)) && p.frameWanted.Load() {
		if err := p.copyFrames(b[:left]); err != nil {
			return err
		}
		if err := p.insertFrame(); err != nil {
			return err
		}
		b = b[left:]
	}
	if err := p.copyFrames(b); err != nil || !p.frameWanted.Load() {
		return err
	}
	return p.insertFrame() // b may have ended the message for which a text waits
}

// copyFrames checks the frames in b and writes b to dst, except for an
// incomplete header or Close frame at its end, which it keeps, and what must
// not be forwarded.
func (p *pump) copyFrames(b []byte) error {
	messages := p.frames.Messages
	n, invalid := p.frames.Feed(b)
	if p.frames.Closing {
		p.tunnel.closeFound(p)
	}
	if n > 0 && !p.discarding {
		if err := p.write(b[:n]); err != nil {
			return err
		}
		p.count(p.frames.Messages-messages, uint64(n))
	}
	switch {
	case invalid != nil:
		return p.rejectFrame(invalid, b[n:])
	case p.frames.Closing:
		p.discarding = true
		p.tunnel.closeRead(p)
	default:
		p.partial = append(p.partial[:0], b[n:]...)
	}
	return nil
}

func (p *pump) count(messages, bytes uint64) {
	p.traffic.Messages += messages
	p.traffic.Bytes += bytes
	p.total.add(messages, bytes)
}

// rejectFrame closes the tunnel because of the frame at the start of rest,
// which is not forwarded. err is an error of its tracker.
func (p *pump) rejectFrame(err error, rest []byte) error {
	fault, broken := errors.AsType[wsframe.Fault](err)
	p.tunnel.close(p.refusal(fault))
	if err := p.insertFrame(); err != nil {
		return err
	}
	if !broken {
		// The message is too big. Parse on without a limit, to find the Close
		// frame that ends the close handshake.
		p.frames.Limit = 0
		return p.copyFrames(rest)
	}
	// A peer that breaks one rule may break any, so that no frame can be found
	// any more: treat everything as the payload of one endless frame, which is
	// discarded.
	p.frames.Left = math.MaxInt64
	return nil
}

// refusal returns how the tunnel is closed because of a frame of p.src: with
// this fault or, without one, with a message that is too big. The client is told
// in any case, because it would meet the same bug again. An application that did
// nothing wrong is told that its client goes away.
func (p *pump) refusal(fault wsframe.Fault) closeFrames {
	own, sender := closeFrame{codeProtocolError, "protocol error"}, p.tunnel.nameOf(p.src)
	if fault == "" {
		own, sender = closeFrame{codeTooBig, "too big"}, ""
	}
	frames := closeFrames{toClient: own, toUpstream: own, fault: fault, faultBy: sender}
	if p == &p.tunnel.up {
		frames.toUpstream = closeFrame{codeGoingAway, ""}
	}
	return frames
}
