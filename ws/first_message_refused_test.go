package ws_test

import (
	"context"
	"testing"
	"time"

	"wsticket/ticket"
)

// All wrong tickets get the same bytes, whatever is wrong with them. Other
// faults have a code that says what to do.
func TestFirstMessageIsRefused(t *testing.T) {
	f := messageFixture(t, func(s *setup) { s.ws.Audience = "chat" })
	spent := f.issue(nil).Token
	if _, err := f.service.Redeem(t.Context(), spent, ticket.Presentation{Audience: "chat"}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		rule, token string
		reason      string // in the log
		code        string // of auth_fail
		close       int
		text        string
	}{
		{"spent", spent.Reveal(), "spent", wrong, 4001, authFailed},
		{"malformed", "wst1_" + marker, "malformed", wrong, 4001, authFailed},
		{"nobody's", wellFormed, "not_found", wrong, 4001, authFailed},
		{"for another audience", f.issue(func(r *ticket.Request) { r.Audience = "admin" }).Token.Reveal(), "wrong_audience", wrong, 4001, authFailed},
		{"for another origin", f.issue(func(r *ticket.Request) { r.Origin = appOrigin }).Token.Reveal(), "wrong_origin", wrong, 4001, authFailed},
		{"a bearer that is not accepted", "x." + marker, "invalid_bearer", "invalid_token", 4001, authFailed},
		{"a bearer at its end", lateBearer, "bearer_expired", "invalid_token", 4001, authFailed},
		{"a bearer that no header could hold", marker + "\r\nX: y", "invalid_bearer", "invalid_token", 4001, authFailed},
		{"nothing", "", "invalid_bearer", "invalid_token", 4001, authFailed},
		{"a bearer while the keys are away", deadBearer, "unavailable", "unavailable", 1013, "overload"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			got := f.await(t, auth(tt.token))
			text, code, reason := got.farewell(t)
			if want := `{"type":"auth_fail","code":"` + tt.code + `"}`; text != want || code != tt.close || reason != tt.text {
				t.Errorf("got %s, close %d %q, want %s, close %d %q", text, code, reason, want, tt.close, tt.text)
			}
			got.gone(t)
			f.settled(t, tt.reason)
			f.noneOf(t, answer{Response: got.Response}, marker)
		})
	}
}

// Without an Authenticator there are no bearers, in the message as elsewhere.
func TestFirstMessageWithoutBearers(t *testing.T) {
	f := messageFixture(t, func(s *setup) { s.gate.Authenticator = nil })
	text, code, _ := f.await(t, auth(goodBearer)).farewell(t)
	if text != `{"type":"auth_fail","code":"invalid_ticket"}` || code != 4001 {
		t.Errorf("a bearer: %s, close %d, want invalid_ticket and 4001", text, code)
	}
	if ok := f.await(t, auth(f.issue(nil).Token.Reveal())).authenticated(t); ok["userId"] != "alice" {
		t.Errorf("a ticket: %v, want alice", ok)
	}
}

// The origin of the handshake is checked here as at every other door, and a
// ticket that is bound to it is accepted.
func TestFirstMessageWithOrigin(t *testing.T) {
	f := messageFixture(t, nil)
	bound := f.issue(func(r *ticket.Request) { r.Origin = appOrigin }).Token.Reveal()
	if got := f.send(t, request(plain, "Origin: https://evil.example")); got.StatusCode != 403 {
		t.Errorf("another origin: status %d, want 403", got.StatusCode)
	}
	f.await(t, auth(bound), "Origin: "+appOrigin).authenticated(t)
}

// W24: a peer that leaves while its ticket is redeemed has spent it.
func TestCloseDuringVerification(t *testing.T) {
	asked, answered := make(chan struct{}), make(chan struct{})
	f := messageFixture(t, func(s *setup) {
		s.gate.Redeemer = redeemFunc(func(context.Context) (ticket.Grant, error) {
			close(asked)
			<-answered
			return ticket.Grant{ID: "id"}, nil
		})
	})
	got := f.await(t, auth(wellFormed))
	<-asked
	got.say(t, frame(opClose, "\x0f\xa5bye"))
	close(answered)
	got.authenticated(t)
	if e := f.disconnected(t, 4005); e.TicketID != "id" {
		t.Errorf("the event names the ticket %q", e.TicketID)
	}
}

// Shutdown ends connections that wait for their first message, and spends no
// ticket.
func TestShutdownEndsWaiting(t *testing.T) {
	f := messageFixture(t, nil)
	polite, silent := f.await(t, ""), f.await(t, frame(opText, `{"type":"hello"}`)[:9])
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- f.handler.Shutdown(ctx) }()
	if _, code, reason := polite.farewell(t); code != 1001 || reason != "server is draining" {
		t.Errorf("closed with %d %q, want 1001", code, reason)
	}
	if code, _ := silent.readClose(t); code != 1001 {
		t.Errorf("in the middle of a frame: closed with %d, want 1001", code)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v, want nil although one peer is silent", err)
	}
	f.settled(t, "stopping")
}
