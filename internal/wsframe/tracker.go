package wsframe

import "errors"

// ErrTooBig is returned for a message that is larger than the tracker's limit.
var ErrTooBig = errors.New("message too big")

// MaxPartial is the size of the longest incomplete start of a frame that a
// [Tracker] leaves to be fed again, in bytes: one byte less than a Close frame.
const MaxPartial = 2 + 4 + MaxControl - 1

// Tracker finds the frame boundaries in the stream of one direction. It parses
// and checks frame headers, and skips payloads except that of a Close frame.
// Sizes are in bytes. The zero Tracker is that of a server without extensions.
type Tracker struct {
	Rules Rules
	// Left is the size of the rest of the current frame's payload. At 0 the
	// stream is between two frames.
	Left int64
	// Limit is the largest payload of a message, summed over its fragments. 0:
	// no limit.
	Limit int64
	// size is the payload of the current message so far.
	size int64
	// Messages is the number of messages whose last frame has begun.
	Messages uint64
	// Closing is set when a Close frame has been read. No frame follows it
	// (RFC 6455 5.5.1).
	Closing bool
	// Code is the code of the Close frame.
	Code uint16
}

// Feed parses b, the next part of the stream, and returns how many bytes of it
// may be forwarded. These are all but an incomplete header or Close frame at
// the end, which the caller has to feed again together with the bytes that
// follow it, and all but what follows a Close frame.
//
// The error is a [Fault] or [ErrTooBig], and concerns the frame at b[n:].
// What may be forwarded therefore ends between two frames.
func (t *Tracker) Feed(b []byte) (n int, err error) {
	for {
		step := min(t.Left, int64(len(b)-n))
		t.Left -= step
		n += int(step)
		if t.Left > 0 || t.Closing {
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
func (t *Tracker) readHeader(b []byte) (size int, err error) {
	h, size, fault := ParseHeader(b)
	if fault == "" && size > 0 {
		fault = t.Rules.Check(&h)
	}
	switch {
	case fault != "":
		return 0, fault
	case size == 0:
		return 0, nil
	case h.Opcode == Close:
		return t.readClose(&h, b, size)
	case !h.Opcode.IsControl():
		if t.Limit > 0 && h.Length > t.Limit-t.size {
			return 0, ErrTooBig
		}
		t.size += h.Length
		if h.Fin {
			t.Messages++
			t.size = 0
		}
		t.Rules.Passed(&h)
	}
	t.Left = h.Length
	return size, nil
}

// readClose reads the Close frame at the start of b, whose header h has this
// size. It returns the size of the frame, or 0 if b ends before the frame does.
func (t *Tracker) readClose(h *Header, b []byte, size int) (int, error) {
	whole := size + int(h.Length)
	if len(b) < whole {
		return 0, nil
	}
	var payload [MaxControl]byte
	n := copy(payload[:], b[size:whole])
	Unmask(payload[:n], h.Mask) // The mask of a frame without one is 0.
	code, _, ok := ParseClose(payload[:n])
	if !ok {
		return 0, FaultClose
	}
	t.Closing, t.Code = true, code
	return whole, nil
}
