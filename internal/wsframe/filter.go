package wsframe

import "bytes"

// MaxTaken is the longest text that a [Filter] takes, in bytes.
const MaxTaken = 4 << 10

// Filter takes text messages out of the stream of a client: those of one frame of at
// most [MaxTaken] bytes, not compressed, that Take wants. It judges nothing: behind a
// frame that breaks a rule, and behind a Close frame, everything passes.
type Filter struct {
	// Take reports whether a text, unmasked, is taken. It must not keep it.
	Take func(text []byte) bool

	rules Rules
	left  int64  // of the payload of a frame that passes
	held  []byte // the start of a frame that may be taken
	off   bool
}

// Pass returns what passes of b, the next part of the stream, which it may change.
// The result begins where b does, or is memory of its own. A frame that may be taken
// passes as a whole.
func (f *Filter) Pass(b []byte) []byte {
	if len(f.held) > 0 {
		b = append(f.held, b...)
		f.held = nil
	}
	kept, at := 0, 0
	for at < len(b) {
		n := int(min(f.left, int64(len(b)-at)))
		take := false
		if f.off {
			n = len(b) - at
		} else if f.left -= int64(n); n == 0 {
			n, take = f.frame(b[at:])
		}
		if n == 0 {
			f.held = bytes.Clone(b[at:])
			break
		}
		if !take {
			kept += copy(b[kept:], b[at:at+n])
		}
		at += n
	}
	return b[:kept]
}

// frame returns how many bytes at the start of b pass or are taken: a header, or the
// whole of a frame that may be taken. It is 0 if there are too few.
func (f *Filter) frame(b []byte) (n int, take bool) {
	f.rules.Masked = true
	h, size, fault := ParseHeader(b)
	switch {
	case fault != "", size > 0 && (h.Opcode == Close || f.broken(&h)):
		f.off = true
		return len(b), false
	case size == 0:
		return 0, false
	case h.Opcode == Text && h.Fin && h.RSV == 0 && h.Length <= MaxTaken:
		whole := size + int(h.Length)
		if len(b) < whole {
			return 0, false
		}
		text := bytes.Clone(b[size:whole])
		Unmask(text, h.Mask)
		return whole, f.Take(text)
	}
	f.rules.Passed(&h)
	f.left = h.Length
	return size, false
}

// broken reports whether a frame breaks a rule. Reserved bits are for others to judge.
func (f *Filter) broken(h *Header) bool {
	plain := *h
	plain.RSV = 0
	return f.rules.Check(&plain) != ""
}
