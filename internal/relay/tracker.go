package relay

import (
	"encoding/binary"
	"errors"

	"wsticket/internal/wsframe"
)

// errTooBig is returned for a message that is larger than the tracker's limit.
var errTooBig = errors.New("message too big")

// maxPartial is the size of the longest incomplete header that a tracker leaves
// to be fed again, in bytes: one byte less than the header and code of a Close
// frame.
const maxPartial = wsframe.MaxHeader + 2 - 1

// tracker finds the frame boundaries in the stream of one direction. It parses
// frame headers and skips payloads. Sizes are in bytes.
type tracker struct {
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
	// closing is set when the header of a Close frame has been read. No frame
	// follows that one (RFC 6455 5.5.1).
	closing bool
	// code is the code of the Close frame.
	code uint16
}

// closeComplete reports whether a whole Close frame has been read.
func (t *tracker) closeComplete() bool { return t.closing && t.left == 0 }

// feed parses b, the next part of the stream, and returns how many bytes of it
// may be forwarded. These are all but an incomplete header at the end, which
// the caller has to feed again together with the bytes that follow it, and all
// but what follows a Close frame.
//
// The error is [wsframe.ErrMalformed] or errTooBig, and concerns the header at
// b[n:]. What may be forwarded therefore ends between two frames.
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
// 0 if the header is incomplete or there is an error. The code of a Close frame
// counts as part of its header.
func (t *tracker) readHeader(b []byte) (size int, err error) {
	h, size, err := wsframe.ParseHeader(b)
	if size == 0 {
		return 0, err
	}
	switch {
	case h.Opcode == wsframe.Close:
		return t.readClose(h, b, size), nil
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

// readClose reads the code of the Close frame at the start of b, whose header h
// has this size. It returns the size of header and code, or 0 if b ends before
// the code is complete.
func (t *tracker) readClose(h wsframe.Header, b []byte, size int) int {
	code := uint16(wsframe.NoStatus)
	if h.Length >= 2 {
		if len(b) < size+2 {
			return 0
		}
		// The mask of a frame without one is 0.
		code = binary.BigEndian.Uint16(b[size:]) ^ binary.BigEndian.Uint16(h.Mask[:])
		size, h.Length = size+2, h.Length-2
	}
	t.closing, t.code, t.left = true, code, h.Length
	return size
}
