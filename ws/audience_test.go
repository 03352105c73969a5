package ws_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
	"wsticket/ws"
)

// TestAudiencesOfAProgram: a program that sets the audiences of its ticket.Service
// has one handler for all of them, or one for each; the rule counts in both.
func TestAudiencesOfAProgram(t *testing.T) {
	t.Parallel()
	tickets, err := ticket.New(ticket.Options{Store: newStore(t), Audiences: ticket.Audiences{
		{Name: "chat", Paths: []string{"/ws/{room}"}}, {Name: "admin", Paths: []string{"/ws/admin"}, Scopes: []string{"admin"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		rule, audience, path, issuedFor, bearer string
		reason                                  string // no_hijack: it would have been admitted
	}{
		{"its own", "", "/ws/general", "chat", "", "no_hijack"},
		{"that of another path", "", "/ws/admin", "chat", "", "wrong_audience"},
		{"a path that is nobody's", "", "/ws/Admin", "chat", "", "no_audience"},
		{"a bearer without the scope", "", "/ws/admin", "", goodBearer, "insufficient_scope"},
		{"a handler of one audience", "admin", "/elsewhere", "chat", "", "wrong_audience"},
		{"a bearer at a handler of one audience", "admin", "/elsewhere", "", goodBearer, "insufficient_scope"},
	} {
		var events test.Events
		handler := bare(t, tickets, ws.Echo, func(s *setup) {
			s.ws.Audience, s.ws.Events, s.gate.Authenticator = row.audience, events.Record, fakeAuth{}
		})
		r := handshakeRequest(row.path)
		if row.bearer != "" {
			r.Header.Set("Authorization", "Bearer "+row.bearer)
		} else {
			issued, err := tickets.Issue(t.Context(), ticket.Request{Identity: test.Alice(), Audience: row.issuedFor})
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Ticket "+issued.Token.Reveal())
		}
		handler.ServeHTTP(hijacker{ResponseRecorder: httptest.NewRecorder()}, r)
		if e := events.Last(1); len(e) != 1 || e[0].Reason != row.reason {
			t.Errorf("%s: got %+v, want %s", row.rule, e, row.reason)
		}
	}
	judge, err := gate.New(gate.Options{Redeemer: tickets, AllowMissingOrigin: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ws.New(ws.Options{Gate: judge, Endpoint: ws.Echo, Audience: "gone"})
	if got := test.Faults(err); !slices.Equal(got, []string{"ws.Audience"}) {
		t.Errorf("an audience that there is not: %v, want a fault of Audience", err)
	}
}
