package ws_test

import (
	"io"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
	"wsticket/ws"
)

func (f *fixture) connect(t *testing.T) answer {
	t.Helper()
	got := f.send(t, strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal()))
	if got.StatusCode != switching {
		t.Fatalf("status %d, want 101", got.StatusCode)
	}
	return got
}

// A drain closes every connection with 1001, also if the peer is silent, and
// nobody gets in after it.
func TestShutdownClosesEveryConnection(t *testing.T) {
	f := newFixture(t, nil)
	polite, silent := f.connect(t), f.connect(t)
	for _, peer := range []answer{polite, silent} {
		if _, hello := peer.readFrame(t); !strings.Contains(hello, "alice") {
			t.Fatalf("greeting %q, want alice's", hello)
		}
	}
	stopped := make(chan error, 1)
	go func() { stopped <- f.handler.Shutdown(t.Context()) }()
	for _, peer := range []answer{polite, silent} {
		if code, reason := peer.readClose(t); code != 1001 || reason != ticket.EndDraining.Reason {
			t.Errorf("closed with %d %q, want 1001 %q", code, reason, ticket.EndDraining.Reason)
		}
	}
	_, _ = io.WriteString(polite.conn, frame(opClose, "\x03\xe9"))
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v, want nil although one peer is silent", err)
	}
	if n := f.events.Count(ticket.EventDisconnect); n != 2 {
		t.Errorf("%d events of a disconnect when Shutdown returns, want 2", n)
	}
	if e := f.disconnected(t, 1001); e.Closed.By != ticket.ByServer {
		t.Errorf("closed by %s, want %s", e.Closed.By, ticket.ByServer)
	}
	calls := f.redeemed.Load()
	got := f.send(t, strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal()))
	if got.StatusCode != 503 || got.Header.Get("Retry-After") != "1" || f.redeemed.Load() != calls {
		t.Errorf("afterwards: status %d, Retry-After %q, %d redemptions, want 503, 1 and none",
			got.StatusCode, got.Header.Get("Retry-After"), f.redeemed.Load()-calls)
	}
}

// converse has the application say text again, after its greeting if it has
// one. Then it has the connection.
func (a answer) converse(t *testing.T, text string) {
	t.Helper()
	a.say(t, frame(opText, text))
	for got := ""; got != text; {
		_, got = a.readFrame(t)
	}
}

// A retry of the same attempt is admitted again, but one ticket never has two
// connections.
func TestOneTicketHasOneConnection(t *testing.T) {
	u := newUpstream(t)
	for rule, upstream := range map[string]*ws.Upstream{"in process": nil, "relayed": {URL: u.URL, Identity: who{}}} {
		t.Run(rule, func(t *testing.T) {
			f := newFixture(t, func(s *setup) {
				s.ticket.RetryWindow = ticket.MaxRetryWindow
				if upstream != nil {
					s.ws.Endpoint, s.ws.Upstream = nil, upstream
				}
			})
			request := strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal())
			first := f.send(t, request)
			first.converse(t, "first")
			second := f.send(t, request)
			if code, reason := first.readClose(t); code != 1008 || reason != "policy" {
				t.Errorf("the older connection is closed with %d %q, want 1008", code, reason)
			}
			_, _ = io.WriteString(first.conn, frame(opClose, "\x03\xf0"))
			second.converse(t, "second")
			f.disconnected(t, 1008)
			test.Wait(t, "one connection is left", func() bool {
				states := f.live.Stats().Connections[ticket.DoorQuery]
				return states[live.StateOpen] == 1 && states[live.StateClosing] == 0
			})
		})
	}
}
