package relay

import (
	"errors"

	"wsticket/internal/wsframe"
)

// errTooBig is returned for a message that is larger than the tracker's limit.
var errTooBig = errors.New("message too big")

// maxPartial is the size of the longest incomplete start of a frame that a
// tracker leaves to be fed again, in bytes: one byte less than a Close frame.
const maxPartial = 2 + 4 + wsframe.MaxControl - 1

// tracker finds the frame boundaries in the stream of one direction. It parses
// and checks frame headers, and skips payloads except that of a Close frame.
// Sizes are in bytes.
type tracker struct {
	rules wsframe.Rules
	// left is the size of the rest of the current frame's payload. At 0 the
	// stream is between two frames.
	left int64
	// limit is the largest payload of a message, summed over its fragments. 0:
	// no limit.
	limit int64
	// size is the payload of the current message so far.
	size int64
	// messages is the number of messages whose last frame has begun.
	messages uint64
	// closing is set when a Close frame has been read. No frame follows it
	// (RFC 6455 5.5.1).
	closing bool
	// code is the code of the Close frame.
	code uint16
}

// feed parses b, the next part of the stream, and returns how many bytes of it
// may be forwarded. These are all but an incomplete header or Close frame at
// the end, which the caller has to feed again together with the bytes that
// follow it, and all but what follows a Close frame.
//
// The error is a [wsframe.Fault] or errTooBig, and concerns the frame at b[n:].
// What may be forwarded therefore ends between two frames.
func (t *tracker) feed(b []byte) (n int, err error) {
	for {
		step := min(t.left, int64(len(b)-n))
		t.left -= step
		n += int(step)
		if t.left > 0 || t.closing {
			return n, nil
		}
		size, err := t.readHeader(b[n:])
		if size == 0 {
			return n, err
		}
		n += size
	}
}

// readHeader parses the header at the start of b and returns its size, which is
// 0 if the header is incomplete or there is an error. A Close frame is read as
// a whole.
func (t *tracker) readHeader(b []byte) (size int, err error) {
	h, size, fault := wsframe.ParseHeader(b)
	if fault == "" && size > 0 {
		fault = t.rules.Check(&h)
	}
	switch {
	case fault != "":
		return 0, fault
	case size == 0:
		return 0, nil
	case h.Opcode == wsframe.Close:
		return t.readClose(&h, b, size)
	case !h.Opcode.IsControl():
		if t.limit > 0 && h.Length > t.limit-t.size {
			return 0, errTooBig
		}
		t.size += h.Length
		if h.Fin {
			t.messages++
			t.size = 0
		}
		t.rules.Passed(&h)
	}
	t.left = h.Length
	return size, nil
}

// readClose reads the Close frame at the start of b, whose header h has this
// size. It returns the size of the frame, or 0 if b ends before the frame does.
func (t *tracker) readClose(h *wsframe.Header, b []byte, size int) (int, error) {
	whole := size + int(h.Length)
	if len(b) < whole {
		return 0, nil
	}
	var payload [wsframe.MaxControl]byte
	n := copy(payload[:], b[size:whole])
	wsframe.Unmask(payload[:n], h.Mask) // The mask of a frame without one is 0.
	code, _, ok := wsframe.ParseClose(payload[:n])
	if !ok {
		return 0, wsframe.FaultClose
	}
	t.closing, t.code = true, code
	return whole, nil
}
