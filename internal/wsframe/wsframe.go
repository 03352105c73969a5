// Package wsframe parses, checks and encodes WebSocket frames (RFC 6455 5 and
// 7.4). It has what the relay, the exchange before authentication and the
// connections of this process need.
package wsframe

import (
	"encoding/binary"
	"unicode/utf8"
)

// Opcode is the type of a frame.
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

// IsControl reports whether o is the opcode of a control frame. Control frames
// may stand between the fragments of a message (RFC 6455 5.5).
func (o Opcode) IsControl() bool { return o&0x8 != 0 }

// Sizes in bytes.
const (
	// MaxHeader is the longest header, that of a masked frame with a payload of
	// 64 KiB or more.
	MaxHeader = 14
	// MaxControl is the longest payload of a control frame (RFC 6455 5.5).
	MaxControl = 125
	// MaxReason is the longest reason of a Close frame, whose payload begins
	// with the code of two bytes.
	MaxReason = MaxControl - 2
)

// Header is the header of one frame.
type Header struct {
	// Fin is set for the last frame of a message.
	Fin bool
	// RSV are the reserved bits: RSV1 is 4, RSV2 is 2 and RSV3 is 1.
	RSV    byte
	Opcode Opcode
	Masked bool
	// Mask is the masking key. It is zero if Masked is not set.
	Mask [4]byte
	// Length is the size of the payload in bytes.
	Length int64
}

// ParseHeader parses the header at the start of b and returns its size in bytes,
// which is 0 if b ends before the header does.
//
// The only fault is [FaultLength]. The others are for [Rules.Check] to find.
func ParseHeader(b []byte) (h Header, size int, fault Fault) {
	if len(b) < 2 {
		return Header{}, 0, ""
	}
	h = Header{
		Fin: b[0]&0x80 != 0, RSV: b[0] >> 4 & 0x7, Opcode: Opcode(b[0] & 0xF),
		Masked: b[1]&0x80 != 0, Length: int64(b[1] & 0x7F),
	}
	size = HeaderSize(b[1])
	if len(b) < size {
		return Header{}, 0, ""
	}
	switch h.Length {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		if h.Length < 126 {
			return Header{}, 0, FaultLength
		}
	case 127:
		long := binary.BigEndian.Uint64(b[2:])
		if long>>63 != 0 || long < 1<<16 {
			return Header{}, 0, FaultLength
		}
		h.Length = int64(long)
	}
	if h.Masked {
		copy(h.Mask[:], b[size-4:])
	}
	return h, size, ""
}

// HeaderSize returns the size in bytes of the header whose second byte is second.
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

// Append appends an unfragmented frame to dst and returns the extended slice. If
// mask is not nil, the payload is masked with it, as a client must do (RFC 6455
// 5.3). payload itself is not changed.
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

// Unmask masks or unmasks a whole payload in place (RFC 6455 5.3). The two are
// the same operation.
func Unmask(payload []byte, mask [4]byte) {
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
}

// ClosePayload returns the payload of a Close frame. A reason of more than
// [MaxReason] bytes is truncated between two characters, and one that is not
// UTF-8 before its first invalid byte.
func ClosePayload(code uint16, reason string) []byte {
	for len(reason) > MaxReason || !utf8.ValidString(reason) {
		reason = reason[:min(len(reason)-1, MaxReason)]
	}
	return append(binary.BigEndian.AppendUint16(nil, code), reason...)
}

// Close codes that are reported but never sent (RFC 6455 7.4.1).
const (
	// NoStatus stands for a Close frame without a code.
	NoStatus = 1005
	// Abnormal stands for a connection that ended without a Close frame.
	Abnormal = 1006
)

// ParseClose parses the payload of a Close frame, already unmasked. The code of
// an empty payload is [NoStatus]. ok is false if the payload is invalid by RFC
// 6455 5.5, 5.5.1 or 7.4: one byte or more than [MaxControl], a code that must
// not be sent, or a reason that is not UTF-8.
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

// IsSendable reports whether a Close frame may contain this code (RFC 6455 7.4).
func IsSendable(code uint16) bool {
	switch code {
	case 1004, NoStatus, Abnormal, 1015:
		return false
	default:
		return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
	}
}
