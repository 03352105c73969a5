package ws_test

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"wsticket/internal/wsframe"
	"wsticket/ticket"
)

// head is the header of a frame of any shape, masked with zeros.
func head(first, second byte, rest ...byte) string {
	text := string(append([]byte{first, second}, rest...))
	if second&0x80 != 0 {
		text += "\x00\x00\x00\x00"
	}
	return text
}

// long is a header with a length of 64 bits.
func long(first byte, length uint64) string {
	return head(first, 0xff, binary.BigEndian.AppendUint64(nil, length)...)
}

// The W rows that end the exchange by themselves. Those that end by a time-out
// are in first_message_time_test.go.
func TestFramesBeforeAuthentication(t *testing.T) {
	f := messageFixture(t, func(s *setup) { s.ws.UnauthenticatedPerAddress = 100 })
	good := `{"type":"auth","token":"` + goodBearer + `"}`
	malformed := `{"type":"auth_fail","code":"invalid_request"}`
	pad := func(n int) string {
		text := `{"type":"x","pad":""}`
		return strings.Replace(text, `""`, `"`+strings.Repeat("a", n-len(text))+`"`, 1)
	}
	tests := []struct {
		rule, frames string
		text         string // what comes before the close frame
		code         int
		reason       string // of the close frame
		word         string // in the log
	}{
		{"W4 endless empty fragments: the first one is refused", head(0x01, 0x80) + strings.Repeat(head(0x00, 0x80), 1000), malformed, 4001, authFailed, "first_message"},
		{"W4 of binary, likewise", head(0x02, 0x80), malformed, 4001, authFailed, "first_message"},
		{"W4 a continuation of nothing", head(0x00, 0x80), "", 1002, "protocol error", "frame"},
		{"W4 the end of nothing", head(0x80, 0x80), "", 1002, "protocol error", "frame"},
		{"W5 1 GiB announced, then 3 bytes", long(0x81, 1<<30) + "abc", "", 1009, "too big", "too_big"},
		{"W5 of binary", long(0x82, 1<<30) + "abc", "", 1009, "too big", "too_big"},
		{"W5 as much as can be said", long(0x81, 1<<63-1), "", 1009, "too big", "too_big"},
		{"W7 5 000 bytes", frame(opText, pad(5000)), "", 1009, "too big", "too_big"},
		{"W7 one byte over 4 KiB", frame(opText, good+strings.Repeat(" ", 4097-len(good))), "", 1009, "too big", "too_big"},
		{"W7 4 KiB of what is nothing to us, and another frame", frame(opText, pad(4096)) + auth(goodBearer), "", 1009, "too big", "too_big"},
		{"W7 binary frames up to the limit", frame(opBinary, pad(2000)) + frame(opBinary, pad(2000)) + frame(opBinary, pad(2000)), "", 1009, "too big", "too_big"},
		{"W8 4 KiB in fragments of one byte", head(0x01, 0x81) + good[:1] + head(0x00, 0x81) + good[1:2], malformed, 4001, authFailed, "first_message"},
		{"W9 a length with its highest bit set", long(0x81, 1<<63), "", 1002, "protocol error", "frame"},
		{"W9 all bits set", long(0x82, 1<<64-1), "", 1002, "protocol error", "frame"},
		{"a length that has a shorter form", head(0x81, 0xfe, 0, 5) + "hello", "", 1002, "protocol error", "frame"},
		{"W11 not UTF-8", frame(opText, `{"type":"auth","token":"`+"\xff"+`"}`), "", 1007, "not UTF-8", "not_utf8"},
		{"W11 UTF-8 of a surrogate", frame(opText, "\"\xed\xa0\x80\""), "", 1007, "not UTF-8", "not_utf8"},
		{"W12 unmasked", head(0x81, byte(len(good))) + good, "", 1002, "protocol error", "frame"},
		{"W12 an unmasked ping", head(0x89, 0), "", 1002, "protocol error", "frame"},
		{"W13 RSV1: no extension was granted", head(0xc1, 0x80), "", 1002, "protocol error", "frame"},
		{"W13 RSV2", head(0xa1, 0x80), "", 1002, "protocol error", "frame"},
		{"W13 RSV3 of a ping", head(0x99, 0x80), "", 1002, "protocol error", "frame"},
		{"W14 opcode 3", head(0x83, 0x80), "", 1002, "protocol error", "frame"},
		{"W14 opcode 7", head(0x87, 0x80), "", 1002, "protocol error", "frame"},
		{"W14 opcode B", head(0x8b, 0x80), "", 1002, "protocol error", "frame"},
		{"W14 opcode F", head(0x8f, 0x80), "", 1002, "protocol error", "frame"},
		{"W15 a ping of 126 bytes", frame(opPing, strings.Repeat("x", 126)), "", 1002, "protocol error", "frame"},
		{"W15 a ping of 1 GiB", long(0x89, 1<<30), "", 1002, "protocol error", "frame"},
		{"W15 a fragmented ping", head(0x09, 0x80), "", 1002, "protocol error", "frame"},
		{"W15 a fragmented close frame", head(0x08, 0x82) + "\x03\xe8", "", 1002, "protocol error", "frame"},
		{"W16 code 1005", frame(opClose, "\x03\xed"), "", 1002, "protocol error", "frame"},
		{"W16 code 1006", frame(opClose, "\x03\xee"), "", 1002, "protocol error", "frame"},
		{"W16 code 1015", frame(opClose, "\x03\xf7"), "", 1002, "protocol error", "frame"},
		{"W16 code 999", frame(opClose, "\x03\xe7"), "", 1002, "protocol error", "frame"},
		{"W16 code 5000", frame(opClose, "\x13\x88"), "", 1002, "protocol error", "frame"},
		{"W16 half a code", frame(opClose, "\x03"), "", 1002, "protocol error", "frame"},
		{"W16 a reason that is not UTF-8", frame(opClose, "\x03\xe8\xff"), "", 1002, "protocol error", "frame"},
		{"a close frame is answered with its code", frame(opClose, "\x0f\xa0bye"), "", 4000, "", "closed"},
		{"and one without a code without one", frame(opClose, ""), "", 1005, "", "closed"},
		{"a close frame before the auth message", frame(opClose, "\x03\xe8") + auth(goodBearer), "", 1000, "", "closed"},
		{"H14 a request is no frame", request(query), "", 1002, "protocol error", "frame"},
	}
	t.Run("rows", func(t *testing.T) {
		for _, tt := range tests {
			t.Run(tt.rule, func(t *testing.T) {
				t.Parallel() // some wait for a peer that cannot be understood any more
				got := f.await(t, "")
				got.say(t, tt.frames)
				text, code, reason := got.farewell(t)
				if text != tt.text || code != tt.code || reason != tt.reason {
					t.Errorf("got %q, close %d %q, want %q, close %d %q", text, code, reason, tt.text, tt.code, tt.reason)
				}
				got.gone(t)
				if e := f.settled(t, tt.word); tt.word == "frame" && (len(e.Attrs) != 1 || e.Attrs[0].Key != "fault") {
					t.Errorf("facts %v, want the fault", e.Attrs)
				}
			})
		}
	})
	if f.redeemed.Load() != 0 || f.events.Has(ticket.Event{Kind: ticket.EventConnect}) {
		t.Error("somebody got in")
	}
}

// Pings are answered, but their number is limited: each counts with its header.
func TestPingsBeforeAuthentication(t *testing.T) {
	f := messageFixture(t, nil)
	got := f.await(t, frame(opPing, "one")+frame(opPing, ""))
	for _, want := range []string{"one", ""} {
		if opcode, payload := got.readFrame(t); opcode != opPong || payload != want {
			t.Errorf("answer %d %q, want a pong with %q", opcode, payload, want)
		}
	}
	pings := 2
	for ping := frame(opPing, ""); ; pings++ {
		// It may be closed already.
		_, _ = io.WriteString(got.conn, ping)
		opcode, payload := got.readFrame(t)
		if opcode == opPong {
			continue
		}
		if code, reason, _ := wsframe.ParseClose([]byte(payload)); opcode != opClose || code != 1009 {
			t.Errorf("frame %d %d %q, want close 1009", opcode, code, reason)
		}
		break
	}
	if pings > 1000 {
		t.Errorf("%d pings were answered, want fewer than 4 KiB of them", pings)
	}
}

// W25: a client that leaves without a close frame gets none, and an event is
// emitted.
func TestPeerLeavesBeforeAuthentication(t *testing.T) {
	f := messageFixture(t, nil)
	for rule, leave := range map[string]func(*net.TCPConn) error{
		"half-closed": (*net.TCPConn).CloseWrite,
		"reset": func(conn *net.TCPConn) error {
			if err := conn.SetLinger(0); err != nil {
				return err
			}
			return conn.Close()
		},
	} {
		got := f.await(t, auth(goodBearer)[:10])
		conn, ok := got.conn.(*net.TCPConn)
		if !ok {
			t.Fatalf("the socket is a %T", got.conn)
		}
		if err := leave(conn); err != nil {
			t.Fatal(err)
		}
		if rule == "half-closed" {
			got.gone(t)
		}
		f.settled(t, "left")
	}
}

// A half-closed peer with a complete auth message is admitted, and can still
// receive.
func TestHalfCloseBehindTheAuthMessage(t *testing.T) {
	f := messageFixture(t, nil)
	got := f.await(t, "")
	got.say(t, auth(goodBearer))
	if conn, ok := got.conn.(*net.TCPConn); !ok || conn.CloseWrite() != nil {
		t.Fatal("the socket cannot be half-closed")
	}
	got.authenticated(t)
	f.disconnected(t, 1006)
}
