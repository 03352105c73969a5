package relay_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/internal/relay"
	"wsticket/internal/test"
	"wsticket/internal/wsframe"
)

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

// The side that breaks a rule is told so. The other side gets what came before, nothing
// of the frame, and a code that does not accuse it.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range test.FrameFaults() {
		by := relay.ByUpstream
		if tt.Client {
			by = relay.ByClient
		}
		t.Run(tt.Rule+" from the "+by, func(t *testing.T) {
			t.Parallel()
			extension := ""
			if tt.Deflate {
				extension = "permessage-deflate"
			}
			f, client, app := extended(t, extension)
			want := relay.Result{Code: 1002, By: relay.ByRelay, Fault: tt.Fault, FaultBy: by}
			if tt.Client {
				client.send(tt.Before, tt.Bad, "rubbish")
				app.expect(tt.Before)
				h, payload := app.frame()
				if h.Opcode != wsframe.Close || string(payload) != closing(1001, "") {
					t.Errorf("the application got opcode %X %.100q, want close 1001", h.Opcode, payload)
				}
				client.expect(plain(wsframe.Close, closing(1002, "protocol error")))
			} else {
				app.send(tt.Before, tt.Bad, "rubbish")
				client.expect(tt.Before, plain(wsframe.Close, closing(1002, "protocol error")))
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
