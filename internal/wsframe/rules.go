package wsframe

// Fault is a rule of RFC 6455 that a frame breaks, as one word for logs. The
// connection then has to be closed with code 1002 (RFC 6455 7.1.7). The empty
// Fault is none. A Fault is also an error.
type Fault string

// The faults.
const (
	// FaultLength: the highest bit of the length is set, or it is not encoded
	// in the shortest form (RFC 6455 5.2).
	FaultLength Fault = "length"
	// FaultMask: a frame of a client is not masked, or one of a server is
	// (RFC 6455 5.1).
	FaultMask Fault = "mask"
	// FaultOpcode: the opcode is reserved (RFC 6455 5.2).
	FaultOpcode Fault = "opcode"
	// FaultReservedBit: a reserved bit is set where no extension that was
	// agreed on defines it (RFC 6455 5.2).
	FaultReservedBit Fault = "reserved_bit"
	// FaultControlLength: a control frame has more than 125 bytes (RFC 6455
	// 5.5).
	FaultControlLength Fault = "control_length"
	// FaultControlFragment: a control frame is fragmented (RFC 6455 5.5).
	FaultControlFragment Fault = "control_fragment"
	// FaultInterleaved: a message begins within another one (RFC 6455 5.4).
	FaultInterleaved Fault = "interleaved"
	// FaultContinuation: a frame continues no message (RFC 6455 5.4).
	FaultContinuation Fault = "continuation"
	// FaultClose: the payload of a Close frame is none, see [ParseClose].
	FaultClose Fault = "close"
)

// Error implements error.
func (f Fault) Error() string { return "frame breaks a rule: " + string(f) }

// Rules checks the headers of the frames that one peer sends, in their order.
// The zero Rules are those of a server, without extensions.
type Rules struct {
	// Masked says that the frames must be masked: the peer is a client.
	// Otherwise they must not.
	Masked bool
	// Bits are the reserved bits that the extensions define.
	Bits ReservedBits
	// inMessage is set between the fragments of a message.
	inMessage bool
}

// ReservedBits are the bits that frames may have set, as in [Header.RSV]: the
// First ones of data messages, and all Other ones. The zero value allows none.
type ReservedBits struct{ First, Other byte }

// Check returns the rule that the next frame breaks. It does not check the
// payload of a Close frame; [ParseClose] does.
func (r *Rules) Check(h *Header) Fault {
	bits := r.Bits.Other
	switch h.Opcode {
	case Text, Binary:
		bits = r.Bits.First
	case Continuation:
	case Close, Ping, Pong:
		if fault := checkControl(h); fault != "" {
			return fault
		}
	default:
		return FaultOpcode
	}
	switch {
	case h.RSV&^bits != 0:
		return FaultReservedBit
	case h.Masked != r.Masked:
		return FaultMask
	case h.Opcode.IsControl(), r.inMessage == (h.Opcode == Continuation):
		return ""
	case r.inMessage:
		return FaultInterleaved
	default:
		return FaultContinuation
	}
}

func checkControl(h *Header) Fault {
	switch {
	case h.Length > MaxControl:
		return FaultControlLength
	case !h.Fin:
		return FaultControlFragment
	default:
		return ""
	}
}

// InMessage reports whether the next frame of data is a further fragment.
func (r *Rules) InMessage() bool { return r.inMessage }

// Passed notes that the frame, which has passed [Rules.Check], is the next one.
func (r *Rules) Passed(h *Header) {
	if !h.Opcode.IsControl() {
		r.inMessage = !h.Fin
	}
}
