package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// Of the frames of RFC 6455 (5.2, 7.4), what a client needs who reads one
// message and leaves.
const (
	opcodeText   = 0x1
	opcodeBinary = 0x2
	opcodeClose  = 0x8
	opcodePing   = 0x9
	opcodePong   = 0xA

	finalBit = 0x80
	maskBit  = 0x80

	closeNormal = 1000
)

// closeWait is how long the server has for its part of the closing handshake.
const closeWait = time.Second

// greeting waits for the application's first message. Pings that come before
// it are passed over; the connection is too short for a pong to matter.
func (l *link) greeting() error {
	for {
		opcode, err := l.skipFrame()
		switch {
		case err != nil:
			return err
		case opcode == opcodeText || opcode == opcodeBinary:
			return nil
		}
	}
}

// skipFrame reads one frame and returns its opcode. A close frame is an error
// that names the code.
func (l *link) skipFrame() (byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return 0, err
	}
	opcode, length := head[0]&0xF, int(head[1])
	if head[0] != finalBit|opcode || length&maskBit != 0 {
		return 0, kindFrame // a fragment, an extension, or masked
	}
	switch length {
	case 126:
		var long [2]byte
		if _, err := io.ReadFull(l.in, long[:]); err != nil {
			return 0, err
		}
		length = int(binary.BigEndian.Uint16(long[:]))
	case 127:
		return 0, kindFrame // longer than any greeting
	}
	switch opcode {
	case opcodeClose:
		return 0, l.closeCode(length)
	case opcodeText, opcodeBinary, opcodePing, opcodePong:
		_, err := l.in.Discard(length)
		return opcode, err
	default:
		return 0, kindFrame
	}
}

func (l *link) closeCode(length int) error {
	var code [2]byte
	if length < len(code) {
		return errorKind("close without a code")
	}
	if _, err := io.ReadFull(l.in, code[:]); err != nil {
		return err
	}
	return errorKind(fmt.Sprintf("close %d", binary.BigEndian.Uint16(code[:])))
}

// leave closes the WebSocket as RFC 6455 7.1.2 asks: a close frame, and the
// server is the first to close the connection. That costs the server what a
// real client's leaving does. A server that does not answer is left anyhow.
func (l *link) leave() {
	defer l.drop()
	if l.write(closeFrame(), closeWait) == nil {
		_, _ = io.Copy(io.Discard, l.in)
	}
}

// closeFrame is a close frame of code 1000, masked as those of a client have
// to be (RFC 6455 5.3).
func closeFrame() []byte {
	frame := [8]byte{finalBit | opcodeClose, maskBit | 2}
	mask := frame[2:6]
	_, _ = rand.Read(mask) // never fails
	binary.BigEndian.PutUint16(frame[6:], closeNormal)
	frame[6] ^= mask[0]
	frame[7] ^= mask[1]
	return frame[:]
}
