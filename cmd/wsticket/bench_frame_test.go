package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestGreeting(t *testing.T) {
	for _, row := range []struct {
		rule, bytes string
		want        error
	}{
		{"a text message", "\x81\x02hi", nil},
		{"a binary message", "\x82\x02hi", nil},
		{"an empty one", "\x81\x00", nil},
		{"one of more than 125 bytes", "\x81\x7e\x01\x00" + strings.Repeat("x", 256), nil},
		{"pings and pongs come first", "\x89\x01p\x8a\x00\x81\x00", nil},
		{"closed with a code", "\x88\x02\x03\xe9", errorKind("close 1001")},
		{"closed with a code and a reason", "\x88\x04\x0f\xa1no", errorKind("close 4001")},
		{"closed without a code", "\x88\x00", errorKind("close without a code")},
		{"a masked message", "\x81\x82\x00\x00\x00\x00hi", kindFrame},
		{"a fragment", "\x01\x02hi", kindFrame},
		{"the rest of one", "\x80\x02hi", kindFrame},
		{"an extension nobody asked for", "\xc1\x02hi", kindFrame},
		{"an opcode that is none", "\x83\x00", kindFrame},
		{"one of more than 64 KiB", "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", kindFrame},
		{"nothing", "", io.EOF},
		{"half a head", "\x81", io.ErrUnexpectedEOF},
		{"half a length", "\x81\x7e\x01", io.ErrUnexpectedEOF},
		{"half a message", "\x81\x02h", io.EOF},
		{"half a code", "\x88\x02\x03", io.ErrUnexpectedEOF},
	} {
		t.Run(row.rule, func(t *testing.T) {
			l := &link{in: bufio.NewReader(strings.NewReader(row.bytes))}
			if err := l.greeting(); !errors.Is(err, row.want) {
				t.Errorf("greeting = %v, want %v", err, row.want)
			}
		})
	}
}

func FuzzGreeting(f *testing.F) {
	f.Add([]byte("\x81\x02hi"))
	f.Add([]byte("\x89\x01p\x88\x02\x03\xe9"))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := bytes.NewReader(text)
		l := &link{in: bufio.NewReader(in)}
		if err := l.greeting(); err == nil && len(text) < 2 {
			t.Errorf("%q is a greeting", text)
		}
	})
}

func TestCloseFrameIsMaskedAnew(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		frame := closeFrame()
		mask := frame[2:6]
		payload := []byte{frame[6] ^ mask[0], frame[7] ^ mask[1]}
		if len(frame) != 8 || frame[0] != 0x88 || frame[1] != 0x82 || binary.BigEndian.Uint16(payload) != 1000 {
			t.Errorf("close frame is % x", frame)
		}
		seen[string(mask)] = true
	}
	if len(seen) < 19 {
		t.Errorf("%d masks in 20 frames", len(seen))
	}
}

// TestLeave: the client closes the WebSocket, reads what is left, and waits
// until the server closes the connection.
func TestLeave(t *testing.T) {
	here, there := net.Pipe()
	l := &link{Conn: here, in: bufio.NewReader(here), release: func() bool { return true }}
	got := make(chan []byte, 1)
	go func() { // ends with the pipe
		frame := make([]byte, 8)
		_, _ = io.ReadFull(there, frame)
		got <- frame
		_, _ = io.WriteString(there, "\x81\x02hi\x88\x02\x03\xe8")
		_ = there.Close()
	}()
	begin := time.Now()
	l.leave()
	if frame := <-got; frame[0] != 0x88 {
		t.Errorf("the server got % x, want a close frame", frame)
	}
	if took := time.Since(begin); took >= closeWait {
		t.Errorf("leaving took %s though the server had closed", took)
	}
	if _, err := here.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the connection is open: %v", err)
	}
}
