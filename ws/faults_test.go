package ws_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
	"wsticket/ws"
)

// An attempt is named by the key of the handshake and the client's address, not
// that of a proxy in front. So somebody who has read ticket and key cannot
// repeat the handshake from elsewhere.
func TestAttemptBehindAProxy(t *testing.T) {
	f := newFixture(t, func(s *setup) {
		s.ticket.RetryWindow = ticket.MaxRetryWindow
		s.gate.TrustedProxies = loopback
	})
	issued := f.issue(nil)
	present := func(client, key string) answer {
		text := request(query, "X-Forwarded-For: "+client, "Sec-WebSocket-Key: "+key)
		return f.send(t, strings.ReplaceAll(text, "$T", issued.Token.Reveal()))
	}
	const other = "AAAAAAAAAAAAAAAAAAAAAA=="
	for _, row := range []struct {
		rule, client, key string
		status            int
		event             ticket.Event
	}{
		{"the first", "192.0.2.1", key, switching, ticket.Event{Kind: ticket.EventRedeem}},
		{"another client", "192.0.2.2", key, 401, ticket.Event{Kind: ticket.EventReplay, Reason: "spent"}},
		{"another key", "192.0.2.1", other, 401, ticket.Event{Kind: ticket.EventReplay, Reason: "spent"}},
		{"the first once more", "192.0.2.1", key, switching, ticket.Event{Kind: ticket.EventRedeem, Retried: true}},
	} {
		if got := present(row.client, row.key); got.StatusCode != row.status {
			t.Errorf("%s: status %d, want %d", row.rule, got.StatusCode, row.status)
		}
		row.event.TicketID = issued.ID
		if e := f.events.AwaitLike(t, row.event); row.rule != "another key" && e.Presentation.ClientIP.String() != row.client {
			t.Errorf("%s: the event has the address %s", row.rule, e.Presentation.ClientIP)
		}
	}
}

// defaults is a server of a program that sets only what is required, without a
// proxy.
func defaults(t *testing.T, events ticket.Sink) (address string) {
	t.Helper()
	judge, err := gate.New(gate.Options{
		Redeemer:           redeemFunc(func(context.Context) (ticket.Grant, error) { return ticket.Grant{}, ticket.ErrNotFound }),
		AllowMissingOrigin: true, Events: events, Doors: withoutSessions(),
	})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := ws.New(ws.Options{Gate: judge, Endpoint: ws.Echo, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = handler.Shutdown(ctx)
		server.Close()
	})
	return server.Listener.Addr().String()
}

// knockFrom sends a handshake without a credential from a loopback address, and
// returns the status.
func knockFrom(t *testing.T, server, client string) (status string) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	answer := make([]byte, len("HTTP/1.1 101"))
	_, _ = io.WriteString(conn, request(plain))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(answer), "HTTP/1.1 ")
}

// With default options the client's address is the peer's, so that silent
// sockets of some do not lock out others.
func TestDefaultsTellClientsApart(t *testing.T) {
	server := defaults(t, nil)
	for i := range ws.DefaultUnauthenticatedPerAddress + 1 {
		if got := knockFrom(t, server, fmt.Sprint("127.0.0.", i+1)); got != "101" {
			t.Errorf("socket %d: status %s, want 101", i+1, got)
		}
	}
	for i := range ws.DefaultUnauthenticatedPerAddress {
		want := "101"
		if i == ws.DefaultUnauthenticatedPerAddress-1 {
			want = "503"
		}
		if got := knockFrom(t, server, "127.0.0.1"); got != want {
			t.Errorf("one more of the first address: status %s, want %s", got, want)
		}
	}
}

// With default options the handshakes of an address are limited.
func TestDefaultsLimitAnAddress(t *testing.T) {
	var events test.Events
	server := defaults(t, events.Record)
	limited := 0
	// The bucket fills again while the test runs, on a slow machine by several.
	for range 4 * gate.DefaultPerAddress {
		if knockFrom(t, server, "127.0.0.1") == "429" {
			limited++
			break
		}
	}
	if limited == 0 {
		t.Error("no handshake was refused with 429")
	}
	e := events.AwaitLike(t, ticket.Event{Kind: ticket.EventLimit, Action: ticket.ActionHandshake, Reason: "rate_limited"})
	if e.Presentation.ClientIP != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("the event has the address %s", e.Presentation.ClientIP)
	}
	if got := knockFrom(t, server, "127.0.0.2"); got != "101" {
		t.Errorf("another address: status %s, want 101", got)
	}
}

// ConnectionExpiresAt ends a connection, in this process or relayed, however it was
// opened.
func TestConnectionExpires(t *testing.T) {
	u := newUpstream(t)
	for where, upstream := range map[string]*ws.Upstream{"in process": nil, "relayed": {URL: u.URL, Identity: who{}}} {
		f := newFixture(t, func(s *setup) {
			if upstream != nil {
				s.ws.Endpoint, s.ws.Upstream = nil, upstream
			}
			s.gate.Doors = withoutSessions()
			s.gate.Redeemer = redeemFunc(func(context.Context) (ticket.Grant, error) {
				return ticket.Grant{ID: ticket.NewID(), Identity: test.Alice(), ConnectionExpiresAt: time.Now().Add(50 * time.Millisecond)}, nil
			})
		})
		inQuery := f.send(t, strings.ReplaceAll(request(query), "$T", wellFormed))
		later := f.await(t, auth(wellFormed))
		for door, got := range map[ticket.Door]answer{ticket.DoorQuery: inQuery, ticket.DoorFirstMessage: later} {
			if _, code, reason := got.farewell(t); code != 4008 || reason != ticket.EndExpired.Reason {
				t.Errorf("%s, %s: closed with %d %q, want 4008", where, door, code, reason)
			}
			f.events.AwaitLike(t, ticket.Event{
				Kind: ticket.EventDisconnect, Presentation: ticket.Presentation{Door: door},
				Closed: ticket.Closed{Code: ticket.EndExpired.Code, By: ticket.ByServer},
			})
		}
	}
}
