package test

import (
	"fmt"
	"strings"

	"wsticket/internal/wsframe"
)

// FrameFault is a frame that breaks a rule of RFC 6455, and frames before it that
// break none and have one whole message.
type FrameFault struct {
	Rule string
	// Client says that a client sends them, otherwise a server.
	Client bool
	// Deflate says that permessage-deflate was agreed on.
	Deflate     bool
	Before, Bad string
	Fault       wsframe.Fault
}

// FrameFaults returns every fault, of a client and of a server.
func FrameFaults() []FrameFault {
	var f frameFaults
	for _, client := range []bool{true, false} {
		f.client = client
		f.ofHeaders()
		f.ofReservedBits()
		f.ofFragments()
		f.ofCloseFrames()
		f.ofLengths()
	}
	return f.all
}

// Masked returns a frame of a client.
func Masked(op wsframe.Opcode, payload string) string {
	return string(wsframe.Append(nil, op, []byte(payload), &[4]byte{1, 2, 3, 4}))
}

// Plain returns a frame of a server.
func Plain(op wsframe.Opcode, payload string) string {
	return string(wsframe.Append(nil, op, []byte(payload), nil))
}

// Fragment clears the FIN bit of a frame.
func Fragment(frame string) string { return string([]byte{frame[0] &^ 0x80}) + frame[1:] }

// Reserved sets reserved bits of a frame, as in [wsframe.Header.RSV].
func Reserved(bits byte, frame string) string { return string([]byte{frame[0] | bits<<4}) + frame[1:] }

type frameFaults struct {
	client, deflate bool
	all             []FrameFault
}

// frame returns a frame as the sender has to send it.
func (f *frameFaults) frame(op wsframe.Opcode, payload string) string {
	if f.client {
		return Masked(op, payload)
	}
	return Plain(op, payload)
}

func (f *frameFaults) add(rule string, fault wsframe.Fault, before, bad string) {
	f.all = append(f.all, FrameFault{rule, f.client, f.deflate, f.frame(wsframe.Text, "whole") + before, bad, fault})
}

// begun returns the first fragment of a message.
func (f *frameFaults) begun() string { return Fragment(f.frame(wsframe.Text, "begun")) }

func (f *frameFaults) ofHeaders() {
	unlike := frameFaults{client: !f.client}
	for _, op := range []wsframe.Opcode{wsframe.Text, wsframe.Binary, wsframe.Close, wsframe.Ping, wsframe.Pong} {
		f.add(fmt.Sprintf("the mask of opcode %X", op), wsframe.FaultMask, "", unlike.frame(op, ""))
	}
	f.add("the mask of a continuation", wsframe.FaultMask, f.begun(), unlike.frame(wsframe.Continuation, "x"))
	for _, op := range []wsframe.Opcode{0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF} {
		f.add(fmt.Sprintf("opcode %X", op), wsframe.FaultOpcode, "", f.frame(op, "x"))
	}
	for _, op := range []wsframe.Opcode{wsframe.Close, wsframe.Ping, wsframe.Pong} {
		f.add(fmt.Sprintf("opcode %X of 126 bytes", op), wsframe.FaultControlLength, "", f.frame(op, strings.Repeat("x", 126)))
		f.add(fmt.Sprintf("opcode %X of 64 KiB", op), wsframe.FaultControlLength, "", f.frame(op, strings.Repeat("x", 1<<16)))
		f.add(fmt.Sprintf("opcode %X fragmented", op), wsframe.FaultControlFragment, "", Fragment(f.frame(op, "")))
	}
}

func (f *frameFaults) ofReservedBits() {
	const rsv1 = 4
	for bits := byte(1); bits < 8; bits++ {
		for _, op := range []wsframe.Opcode{wsframe.Text, wsframe.Binary, wsframe.Close, wsframe.Ping, wsframe.Pong} {
			rule, bad := fmt.Sprintf("reserved bits %d of opcode %X", bits, op), Reserved(bits, f.frame(op, ""))
			f.add(rule, wsframe.FaultReservedBit, "", bad)
			if op.IsControl() || bits != rsv1 {
				f.deflate = true
				f.add(rule+" with compression", wsframe.FaultReservedBit, "", bad)
				f.deflate = false
			}
		}
		f.deflate = true
		f.add(fmt.Sprintf("reserved bits %d of a continuation", bits), wsframe.FaultReservedBit,
			f.begun(), Reserved(bits, f.frame(wsframe.Continuation, "")))
		f.deflate = false
	}
}

func (f *frameFaults) ofFragments() {
	f.add("text within text", wsframe.FaultInterleaved, f.begun(), f.frame(wsframe.Text, "whole"))
	f.add("binary within text, behind a ping", wsframe.FaultInterleaved, f.begun()+f.frame(wsframe.Ping, ""), f.frame(wsframe.Binary, ""))
	f.add("another beginning", wsframe.FaultInterleaved, f.begun()+Fragment(f.frame(wsframe.Continuation, "")), f.begun())
	f.add("a continuation of nothing", wsframe.FaultContinuation, "", f.frame(wsframe.Continuation, ""))
	f.add("a fragment that continues nothing", wsframe.FaultContinuation, "", Fragment(f.frame(wsframe.Continuation, "x")))
}

func (f *frameFaults) ofCloseFrames() {
	for name, payload := range map[string]string{
		"half a code": "\x03", "999": "\x03\xe7", "1004": "\x03\xec", "1005": "\x03\xed", "1006": "\x03\xee", "1015": "\x03\xf7",
		"1016": "\x03\xf8", "2999": "\x0b\xb7", "5000": "\x13\x88", "a reason that is not UTF-8": "\x03\xe8\xff",
	} {
		f.add("a close frame with "+name, wsframe.FaultClose, "", f.frame(wsframe.Close, payload))
	}
}

func (f *frameFaults) ofLengths() {
	bit, mask := byte(0), ""
	if f.client {
		bit, mask = 0x80, "\x01\x02\x03\x04"
	}
	for rule, length := range map[string]string{
		"the highest bit of a length":  "\x7f\x80\x00\x00\x00\x00\x00\x00\x01",
		"16 bits for a length of 7":    "\x7e\x00\x7d",
		"64 bits for a length of 16":   "\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
		"64 bits for a length of none": "\x7f\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		f.add(rule, wsframe.FaultLength, "", "\x82"+string([]byte{bit | length[0]})+length[1:]+mask)
	}
}
