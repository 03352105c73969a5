package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/testenv"
)

// TestReceiptsExplain: the owner of a ticket reads why it let nobody in.
func TestReceiptsExplain(t *testing.T) {
	for name, url := range map[string]string{"memory": "memory:", "Redis": testenv.Redis(t).URL()} {
		t.Run(name, func(t *testing.T) {
			idp := newProvider(t)
			p := start(t, "serve", "--config", idp.config(t, url), "--set", "ticket.retry_window=0s")
			bearer := idp.bearer(t, "alice")
			made := issue(t, p.public, bearer)
			read := func(rule, state, reason string) {
				t.Helper()
				var got struct{ State, Reason string }
				a := send(t, http.MethodGet, "http://"+p.public+"/ws-ticket/"+made.TicketID, bearer, "")
				if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.State != state || got.Reason != reason {
					t.Errorf("%s: receipt %d %s, want %s %q", rule, a.status, a.body, state, reason)
				}
			}
			read("issued", "pending", "")
			foreign := &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}
			if _, _, res := dial(t, made.URL, foreign); res.StatusCode != http.StatusForbidden {
				t.Errorf("a foreign page: %d, want 403", res.StatusCode)
			}
			read("presented by a foreign page", "pending", "origin_not_allowed")
			if _, hello, _ := dial(t, made.URL, nil); hello.UserID != "alice" {
				t.Errorf("greeted as %+v, want alice: the ticket was still good", hello)
			}
			read("redeemed", "redeemed", "")
			if _, _, res := dial(t, made.URL, nil); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("the second time: %d, want 401", res.StatusCode)
			}
			read("presented again", "redeemed", "spent")
			a := send(t, http.MethodGet, "http://"+p.public+"/ws-ticket/"+made.TicketID, idp.bearer(t, "bob"), "")
			if a.status != http.StatusNotFound {
				t.Errorf("somebody else reads %d %s, want 404", a.status, a.body)
			}
		})
	}
}
