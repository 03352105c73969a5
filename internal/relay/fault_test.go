package relay_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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

// expectFault waits for the end of a tunnel because of a broken frame.
func (f *fixture) expectFault(fault wsframe.Fault, by string) {
	f.t.Helper()
	if got := f.expectResult(1002, relay.ByRelay); got.Fault != fault || got.FaultBy != by {
		f.t.Errorf("got fault %q by %q, want %q by %q", got.Fault, got.FaultBy, fault, by)
	}
}

// Each side gets what came before, and nothing of the frame. The client is told in
// any case; an application that did nothing wrong just sees its client go away.
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
			_, _ = client.conn.Close(), app.conn.Close()
			f.expectFault(tt.Fault, by)
		})
	}
}

// A broken frame may come together with the handshake, or with its answer.
func TestFaultsInEarlyBytes(t *testing.T) {
	t.Parallel()
	t.Run("from the client", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, nil)
		client := f.dial(request + masked(wsframe.Text, "whole") + plain(wsframe.Text, "not masked"))
		client.answer()
		client.expect(plain(wsframe.Close, closing(1002, "protocol error")))
		app := next(t, f.apps)
		app.expect(masked(wsframe.Text, "whole"))
		app.expectClose(1001, "")
		_, _ = client.conn.Close(), app.conn.Close()
		f.expectFault(wsframe.FaultMask, relay.ByClient)
	})
	t.Run("from the application", func(t *testing.T) {
		t.Parallel()
		apps := make(chan *peer, 1)
		f := newFixture(t, func(o *relay.Options) {
			o.Upstream = "http://" + application(t, func(p *peer, _ *http.Request) {
				p.send(switching(key), plain(wsframe.Text, "whole"), masked(wsframe.Text, "masked"))
				apps <- p
			})
		})
		client := f.dial(request)
		client.answer()
		client.expect(plain(wsframe.Text, "whole"), plain(wsframe.Close, closing(1002, "protocol error")))
		app := next(t, apps)
		app.expectClose(1002, "protocol error")
		_, _ = client.conn.Close(), app.conn.Close()
		f.expectFault(wsframe.FaultMask, relay.ByUpstream)
	})
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

// A broken frame ends the tunnel in time, also if the other direction is blocked: the
// peer to be told reads nothing.
func TestFaultWhileStalled(t *testing.T) {
	t.Parallel()
	for by, bad := range map[string]string{relay.ByClient: plain(wsframe.Text, "x"), relay.ByUpstream: masked(wsframe.Text, "x")} {
		t.Run("by the "+by, func(t *testing.T) {
			t.Parallel()
			f, client, app, _ := open(t, soon)
			breaker, flooding, frame := client, app, plain
			if by == relay.ByUpstream {
				breaker, flooding, frame = app, client, masked
			}
			var sending sync.WaitGroup
			sending.Go(func() { flooding.flood(frame) })
			test.Wait(t, "something passes", func() bool {
				s := f.relay.Stats()
				return s.FromClient.Messages+s.FromUpstream.Messages > 0
			})
			breaker.send(bad)
			f.expectFault(wsframe.FaultMask, by)
			sending.Wait()
		})
	}
}

// A fault changes nothing about a tunnel that is closing for another reason, and
// nobody gets a second close frame.
func TestFaultWhileClosing(t *testing.T) {
	t.Parallel()
	t.Run("by the relay", func(t *testing.T) {
		t.Parallel()
		f, client, app, tunnel := open(t, soon)
		tunnel.Close(1001, "over")
		client.expect(plain(wsframe.Close, closing(1001, "over")))
		app.expectClose(1001, "over")
		// It may be cut already.
		_, _ = io.WriteString(client.conn, plain(wsframe.Text, "not masked")+masked(wsframe.Close, ""))
		_, _ = io.WriteString(app.conn, masked(wsframe.Text, "masked")+plain(wsframe.Close, ""))
		client.expectCut()
		app.expectCut()
		if got := f.expectResult(1001, relay.ByRelay); got.Fault != "" || got.FaultBy != "" {
			t.Errorf("got fault %q by %q, want none", got.Fault, got.FaultBy)
		}
	})
	t.Run("by the application", func(t *testing.T) {
		t.Parallel()
		f, client, app, _ := open(t, soon)
		app.send(plain(wsframe.Close, closing(4000, "bye")))
		client.expect(plain(wsframe.Close, closing(4000, "bye")))
		client.send(plain(wsframe.Text, "not masked"), masked(wsframe.Close, ""))
		app.expectClose(1001, "")
		app.expectEnd()
		client.expectCut()
		if got := f.expectResult(4000, relay.ByUpstream); got.Fault != "" || got.FaultBy != "" {
			t.Errorf("got fault %q by %q, want none", got.Fault, got.FaultBy)
		}
	})
}
