package ws_test

import (
	"testing"

	"wsticket/ticket"
)

// One connection too many of a user is a status, a close code after the handshake with
// AcceptThenClose, and one after a first message. Another user is let in.
func TestTooManyConnections(t *testing.T) {
	for _, tt := range []struct {
		rule   string
		accept bool
	}{{"by status", false}, {"by close code", true}} {
		f := messageFixture(t, func(s *setup) { s.live.MaxPerSubject, s.ws.AcceptThenClose = 1, tt.accept })
		ticketOf := func() string { return request("GET /ws?ticket=" + f.issue(nil).Token.Reveal() + " HTTP/1.1") }
		if got := f.send(t, ticketOf()); got.StatusCode != switching {
			t.Fatalf("%s: the first: status %d, want 101", tt.rule, got.StatusCode)
		}
		got := f.send(t, ticketOf())
		if tt.accept {
			if _, code, reason := got.farewell(t); code != 4009 || reason != ticket.EndTooMany.Reason {
				t.Errorf("%s: closed with %d %q, want 4009", tt.rule, code, reason)
			}
		} else if got.StatusCode != 429 || got.Header.Get("Retry-After") != "5" {
			t.Errorf("%s: status %d %v, want 429 with Retry-After", tt.rule, got.StatusCode, got.Header)
		}
		f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventLimit, Reason: "too_many_connections"})

		waiting := f.await(t, auth(f.issue(nil).Token.Reveal()))
		if _, code, reason := waiting.farewell(t); code != 4009 || reason != ticket.EndTooMany.Reason {
			t.Errorf("%s: after a first message: closed with %d %q, want 4009", tt.rule, code, reason)
		}
	}
}
