// Package wsframe reads and writes the frames of RFC 6455 5.2, no more of them
// than a relay and the exchange before authentication need. What a connection
// means is not known here.
package wsframe

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// Opcode is the kind of a frame.
type Opcode byte

// The opcodes of RFC 6455 11.8.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// IsControl tells of the frames that may stand within a fragmented message.
func (o Opcode) IsControl() bool { return o&0x8 != 0 }

// Sizes in bytes.
const (
	// MaxHeader is the longest header: of a masked frame of over 64 KiB.
	MaxHeader = 14
	// MaxControl is the longest payload of a control frame (RFC 6455 5.5).
	MaxControl = 125
	// maxReason is what a close frame has room for beside its code.
	maxReason = MaxControl - 2
)

// ErrMalformed is a header that RFC 6455 5.2 rules out whatever follows it.
var ErrMalformed = errors.New("malformed frame")

// Header is the header of one frame.
type Header struct {
	Fin bool
	// RSV holds the three reserved bits in its lowest ones, RSV1 highest.
	RSV    byte
	Opcode Opcode
	Masked bool
	Mask   [4]byte
	// Length is that of the payload.
	Length int64
}

// ParseHeader reads the header at the start of b and returns its size, 0 where
// b ends within it. The error is [ErrMalformed]: a length with its highest bit
// set, or one that has a shorter form. What else a receiver may refuse
// (reserved bits, opcodes, a missing mask) is left to it.
func ParseHeader(b []byte) (h Header, size int, err error) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	h = Header{
		Fin: b[0]&0x80 != 0, RSV: b[0] >> 4 & 0x7, Opcode: Opcode(b[0] & 0xF),
		Masked: b[1]&0x80 != 0, Length: int64(b[1] & 0x7F),
	}
	size = HeaderSize(b[1])
	if len(b) < size {
		return Header{}, 0, nil
	}
	switch h.Length {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		if h.Length < 126 {
			return Header{}, 0, ErrMalformed
		}
	case 127:
		long := binary.BigEndian.Uint64(b[2:])
		if long>>63 != 0 || long < 1<<16 {
			return Header{}, 0, ErrMalformed
		}
		h.Length = int64(long)
	}
	if h.Masked {
		copy(h.Mask[:], b[size-4:])
	}
	return h, size, nil
}

// HeaderSize is the size of the header whose second byte is second.
func HeaderSize(second byte) int {
	size := 2
	switch second & 0x7F {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if second&0x80 != 0 {
		size += 4
	}
	return size
}

// Append appends a whole frame to dst. With a mask the payload is masked on
// the way, as a client has to (RFC 6455 5.3).
func Append(dst []byte, op Opcode, payload []byte, mask *[4]byte) []byte {
	var masked byte
	if mask != nil {
		masked = 0x80
	}
	dst = append(dst, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, masked|byte(n))
	case n < 1<<16:
		dst = append(dst, masked|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, masked|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	if mask == nil {
		return append(dst, payload...)
	}
	dst = append(dst, mask[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	Unmask(dst[at:], *mask)
	return dst
}

// Unmask masks or unmasks a whole payload in place (RFC 6455 5.3).
func Unmask(payload []byte, mask [4]byte) {
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
}

// ClosePayload is the payload of a close frame. A reason that does not fit is
// cut short between two characters.
func ClosePayload(code uint16, reason string) []byte {
	for len(reason) > maxReason || !utf8.ValidString(reason) {
		reason = reason[:min(len(reason)-1, maxReason)]
	}
	return append(binary.BigEndian.AppendUint16(nil, code), reason...)
}

// NoStatus stands for a close frame without a code (RFC 6455 7.4.1). It is
// never sent.
const NoStatus = 1005

// ParseClose reads the payload of a close frame. It is false where RFC 6455
// 5.5.1 and 7.4 rule it out: one byte, a code that is not to be sent, or a
// reason that is not UTF-8.
func ParseClose(payload []byte) (code uint16, reason string, ok bool) {
	if len(payload) == 0 {
		return NoStatus, "", true
	}
	if len(payload) < 2 || len(payload) > MaxControl || !utf8.Valid(payload[2:]) {
		return 0, "", false
	}
	code = binary.BigEndian.Uint16(payload)
	return code, string(payload[2:]), IsSendable(code)
}

// IsSendable tells whether a close frame may have this code.
func IsSendable(code uint16) bool {
	switch code {
	case 1004, NoStatus, 1006, 1015:
		return false
	default:
		return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
	}
}
