package relay_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/internal/relay"
	"wsticket/internal/wsframe"
)

// faulty is a frame that breaks a rule of RFC 6455, behind frames that do not.
type faulty struct {
	rule        string
	client      bool // whose frames they are
	extensions  string
	before, bad string
	messages    uint64 // that have ended before
	fault       wsframe.Fault
}

// faults returns every fault, from the client and from the application.
func faults() []faulty {
	var all []faulty
	for _, client := range []bool{true, false} {
		frame, other := plain, masked
		if client {
			frame, other = masked, plain
		}
		whole := frame(wsframe.Text, "whole")
		begun := fragment(frame(wsframe.Text, "begun"))
		add := func(rule string, fault wsframe.Fault, before, bad string) {
			all = append(all, faulty{rule, client, "", whole + before, bad, 1, fault})
		}
		deflated := func(rule, before, bad string) {
			all = append(all, faulty{rule + " with compression", client, "permessage-deflate", whole + before, bad, 1, wsframe.FaultReservedBit})
		}
		for _, op := range []wsframe.Opcode{wsframe.Text, wsframe.Binary, wsframe.Close, wsframe.Ping, wsframe.Pong} {
			add(fmt.Sprintf("opcode %X with or without a mask", op), wsframe.FaultMask, "", other(op, ""))
		}
		add("a continuation with or without a mask", wsframe.FaultMask, begun, other(wsframe.Continuation, "x"))
		for _, op := range []wsframe.Opcode{3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF} {
			add(fmt.Sprintf("opcode %X", op), wsframe.FaultOpcode, "", frame(op, "x"))
		}
		for _, op := range []wsframe.Opcode{wsframe.Close, wsframe.Ping, wsframe.Pong} {
			add(fmt.Sprintf("opcode %X of 126 bytes", op), wsframe.FaultControlLength, "", frame(op, strings.Repeat("x", 126)))
			add(fmt.Sprintf("opcode %X of 65536 bytes", op), wsframe.FaultControlLength, "", frame(op, strings.Repeat("x", 1<<16)))
			add(fmt.Sprintf("opcode %X fragmented", op), wsframe.FaultControlFragment, "", fragment(frame(op, "")))
		}
		for bit := range byte(8) {
			if bit == 0 {
				continue
			}
			for _, op := range []wsframe.Opcode{wsframe.Text, wsframe.Binary, wsframe.Close, wsframe.Ping, wsframe.Pong} {
				bad := rsv(bit, frame(op, ""))
				add(fmt.Sprintf("reserved bits %d of opcode %X", bit, op), wsframe.FaultReservedBit, "", bad)
				if first := op == wsframe.Text || op == wsframe.Binary; !first || bit != 4 {
					deflated(fmt.Sprintf("reserved bits %d of opcode %X", bit, op), "", bad)
				}
			}
			deflated(fmt.Sprintf("reserved bits %d of a continuation", bit), begun, rsv(bit, frame(wsframe.Continuation, "")))
		}
		add("text within text", wsframe.FaultInterleaved, begun, whole)
		add("binary within text, behind a ping", wsframe.FaultInterleaved, begun+frame(wsframe.Ping, ""), frame(wsframe.Binary, ""))
		add("fragments within text", wsframe.FaultInterleaved, begun+fragment(frame(wsframe.Continuation, "")), begun)
		add("a continuation of nothing", wsframe.FaultContinuation, "", frame(wsframe.Continuation, ""))
		add("a fragment that continues nothing", wsframe.FaultContinuation, "", fragment(frame(wsframe.Continuation, "x")))
		for code, payload := range map[string]string{
			"one byte": "\x03", "999": "\x03\xe7", "1004": "\x03\xec", "1005": "\x03\xed", "1006": "\x03\xee", "1015": "\x03\xf7",
			"1016": "\x03\xf8", "2999": "\x0b\xb7", "5000": "\x13\x88", "a reason that is not UTF-8": "\x03\xe8\xff",
		} {
			add("a close frame with "+code, wsframe.FaultClose, "", frame(wsframe.Close, payload))
		}
		mask := ""
		bit := byte(0)
		if client {
			mask, bit = "\x01\x02\x03\x04", 0x80
		}
		add("the highest bit of a length", wsframe.FaultLength, "", "\x82"+string([]byte{bit | 127})+"\x80\x00\x00\x00\x00\x00\x00\x01"+mask)
		add("16 bits for a short length", wsframe.FaultLength, "", "\x82"+string([]byte{bit | 126})+"\x00\x7d"+mask+strings.Repeat("x", 125))
		add("64 bits for a short length", wsframe.FaultLength, "", "\x82"+string([]byte{bit | 127})+"\x00\x00\x00\x00\x00\x00\xff\xff"+mask)
	}
	return all
}

// rsv sets reserved bits of a frame.
func rsv(bits byte, frame string) string { return string([]byte{frame[0] | bits<<4}) + frame[1:] }

// extending is an application that accepts handshakes with an extension.
func (f *fixture) extending(extension string) func(*peer, *http.Request) {
	return func(p *peer, r *http.Request) {
		accepted := switching(r.Header.Get("Sec-WebSocket-Key"))
		if extension != "" {
			accepted = strings.TrimSuffix(accepted, "\r\n") + "Sec-WebSocket-Extensions: " + extension + "\r\n\r\n"
		}
		_, _ = io.WriteString(p.conn, accepted)
		f.apps <- p
	}
}

// extended opens a tunnel whose two sides have agreed on an extension.
func extended(t *testing.T, extension string) (f *fixture, client, app *peer) {
	t.Helper()
	f = emptyFixture(t)
	o := relay.Options{Linger: patience, HandshakeTimeout: patience, DialTimeout: patience, WriteTimeout: patience}
	o.Upstream = "http://" + application(t, f.extending(extension))
	f.serve(o, (*httptest.Server).Start)
	client, app, _ = f.open()
	return f, client, app
}

// Whoever breaks a rule is told so. The other side gets what came before, nothing
// of the frame, and a code that does not accuse it.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range faults() {
		by := relay.ByUpstream
		if tt.client {
			by = relay.ByClient
		}
		t.Run(tt.rule+" from the "+by, func(t *testing.T) {
			t.Parallel()
			f, client, app := extended(t, tt.extensions)
			want := relay.Result{Code: 1002, By: relay.ByRelay, Fault: tt.fault, FaultBy: by}
			if tt.client {
				client.send(tt.before, tt.bad, "rubbish")
				app.expect(tt.before)
				h, payload := app.frame()
				if h.Opcode != wsframe.Close || string(payload) != closing(1001, "") {
					t.Errorf("the application got opcode %X %.100q, want close 1001", h.Opcode, payload)
				}
				client.expect(plain(wsframe.Close, closing(1002, "protocol error")))
			} else {
				want.Code = 1014
				app.send(tt.before, tt.bad, "rubbish")
				client.expect(tt.before, plain(wsframe.Close, closing(1014, "upstream failed")))
				app.expectClose(1002, "protocol error")
			}
			got := f.leaveAfter(client, app, want.Code, relay.ByRelay)
			if got.Fault != want.Fault || got.FaultBy != want.FaultBy {
				t.Errorf("got fault %q by %q, want %q by %q", got.Fault, got.FaultBy, want.Fault, want.FaultBy)
			}
		})
	}
}

// What extensions define passes.
func TestExtensions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		extension    string
		first, other byte // bits that pass
	}{
		{"permessage-deflate", 4, 0},
		{`permessage-deflate; server_no_context_takeover ; client_max_window_bits="12"`, 4, 0},
		{"permessage-deflate;client_max_window_bits=15,", 4, 0},
		{"x-webkit-deflate-frame", 7, 7},
		{"permessage-deflate, x-unknown; a=b", 7, 7},
		{"Permessage-Deflate", 7, 7}, // another name
	} {
		t.Run(tt.extension, func(t *testing.T) {
			t.Parallel()
			f, client, app := extended(t, tt.extension)
			for from, to := range map[*peer]*peer{client: app, app: client} {
				frame := plain
				if from == client {
					frame = masked
				}
				stream := rsv(tt.first, frame(wsframe.Text, "whole")) + rsv(tt.first, fragment(frame(wsframe.Binary, "first"))) +
					rsv(tt.other, frame(wsframe.Ping, "ping")) + rsv(tt.other, frame(wsframe.Continuation, "last")) + frame(wsframe.Text, "plain")
				from.send(stream)
				to.expect(stream)
			}
			f.leave(client, app)
		})
	}
}

// A side that has said goodbye can do no more: its later frames are not judged.
func TestNoFaultAfterClose(t *testing.T) {
	t.Parallel()
	f, client, app, _ := open(t, nil)
	client.send(masked(wsframe.Close, closing(4000, "")), plain(wsframe.Text, "not masked"))
	app.expect(masked(wsframe.Close, closing(4000, "")))
	app.send(plain(wsframe.Text, "last words"), plain(wsframe.Close, ""))
	client.expect(plain(wsframe.Text, "last words"), plain(wsframe.Close, ""))
	client.expectEnd()
	app.expectEnd()
	if got := f.leaveAfter(client, app, 4000, relay.ByClient); got.Fault != "" {
		t.Errorf("got fault %q by %q, want none", got.Fault, got.FaultBy)
	}
}
