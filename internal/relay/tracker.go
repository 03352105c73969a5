package relay

import (
	"encoding/binary"
	"errors"

	"wsticket/internal/wsframe"
)

// errTooBig is a message beyond the limit of a tracker.
var errTooBig = errors.New("message too big")

// maxPartial is the longest piece that a tracker leaves over: a header, or the
// header and code of a close frame, without its last byte.
const maxPartial = wsframe.MaxHeader + 2 - 1

// tracker follows the frames of one direction by their headers alone.
type tracker struct {
	// left is what is missing of the payload of the current frame. At 0 the
	// stream stands between two frames.
	left int64
	// limit bounds the payload of a message, over all its fragments. 0: none.
	limit int64
	// size is the payload of the current message by now.
	size int64
	// messages counts those whose last frame has begun.
	messages uint64
	// closing is set from the header of a close frame on. What follows it is
	// no frame any more (RFC 6455 5.5.1).
	closing bool
	// code is that of the close frame.
	code uint16
}

// ended tells that a whole close frame has gone by.
func (t *tracker) ended() bool { return t.closing && t.left == 0 }

// feed follows b and returns how much of it may be passed on: all but a header
// that is not complete, which is to be fed again with what comes after it, and
// all but what follows a close frame.
//
// The error is [wsframe.ErrMalformed] or errTooBig. It is about the header at
// b[n:], so that what may be passed on ends between two frames.
func (t *tracker) feed(b []byte) (n int, err error) {
	for {
		step := min(t.left, int64(len(b)-n))
		t.left -= step
		n += int(step)
		if t.left > 0 || t.closing {
			return n, nil
		}
		size, err := t.header(b[n:])
		if size == 0 {
			return n, err
		}
		n += size
	}
}

// header reads the header at the start of b and returns its size, 0 where it
// is not complete or is refused. The code of a close frame counts as a part of
// its header.
func (t *tracker) header(b []byte) (size int, err error) {
	h, size, err := wsframe.ParseHeader(b)
	if size == 0 {
		return 0, err
	}
	switch {
	case h.Opcode == wsframe.Close:
		return t.closeHeader(h, b, size), nil
	case h.Opcode.IsControl():
	case h.Opcode == wsframe.Continuation && t.limit > 0 && h.Length > t.limit-t.size,
		h.Opcode != wsframe.Continuation && t.limit > 0 && h.Length > t.limit:
		return 0, errTooBig
	default:
		if h.Opcode != wsframe.Continuation {
			t.size = 0
		}
		t.size += h.Length
		if h.Fin {
			t.messages++
			t.size = 0
		}
	}
	t.left = h.Length
	return size, nil
}

// closeHeader is header for that of a close frame, which has a size.
func (t *tracker) closeHeader(h wsframe.Header, b []byte, size int) int {
	code := uint16(wsframe.NoStatus)
	if h.Length >= 2 {
		if len(b) < size+2 {
			return 0
		}
		// Without a mask, the mask is 0.
		code = binary.BigEndian.Uint16(b[size:]) ^ binary.BigEndian.Uint16(h.Mask[:])
		size, h.Length = size+2, h.Length-2
	}
	t.closing, t.code, t.left = true, code, h.Length
	return size
}
