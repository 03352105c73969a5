package ws_test

import (
	"context"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/ticket"
	"wsticket/ws"
)

// The cookie door. What a Cookie header may look like is tested in
// internal/handshake, the Origin in TestOriginAtEachDoor.
func TestCookieDoor(t *testing.T) {
	f := wayFixture(t)
	page := "Origin: " + appOrigin
	tests := []struct {
		rule   string
		edits  []string
		status int
		code   string
		asked  int64 // how often somebody was asked about a credential
		reason string
	}{
		{"a session", []string{page, "Cookie: sid=" + goodBearer}, switching, "", 1, "ok"},
		{"among other cookies", []string{page, "Cookie: a=b; sid=" + goodBearer + "; sid2=x"}, switching, "", 1, "ok"},
		{"O1 without an Origin, which is looked at first", []string{"Cookie: sid=" + goodBearer}, 403, denied, 0, "origin"},
		{"from another page", []string{"Origin: https://evil.example", "Cookie: sid=" + goodBearer}, 403, denied, 0, "origin"},
		{"from a sibling, whose requests are of the same site", []string{"Origin: https://x.app.example.com", "Cookie: sid=" + goodBearer}, 403, denied, 0, "origin"},
		{"a wrong session without an Origin is no other refusal", []string{"Cookie: sid=x"}, 403, denied, 0, "origin"},
		{"a session that nobody knows", []string{page, "Cookie: sid=" + marker}, 401, "invalid_token", 1, "invalid_bearer"},
		{"a session at its end", []string{page, "Cookie: sid=" + lateBearer}, 401, "invalid_token", 1, "bearer_expired"},
		{"nobody can tell", []string{page, "Cookie: sid=" + deadBearer}, 503, "unavailable", 1, "unavailable"},
		{"two sessions", []string{page, "Cookie: sid=" + goodBearer + "; sid=" + goodBearer}, 400, invalid, 0, "two_credentials"},
		{"two over two lines", []string{page, "Cookie: sid=" + goodBearer, "+Cookie: sid=x"}, 400, invalid, 0, "two_credentials"},
		{"an empty one", []string{page, "Cookie: sid="}, 400, invalid, 0, "cookie"},
		{"a quoted one", []string{page, `Cookie: sid="` + goodBearer + `"`}, 400, invalid, 0, "cookie"},
		{"a ticket as session is no ticket", []string{page, "Cookie: sid=" + wellFormed}, 401, "invalid_token", 1, "invalid_bearer"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			calls := f.redeemed.Load()
			got := f.send(t, request(plain, tt.edits...))
			if got.StatusCode != tt.status || problemCode(got.body) != tt.code {
				t.Errorf("answer %d %s, want %d %q", got.StatusCode, got.body, tt.status, tt.code)
			}
			if asked := f.redeemed.Load() - calls; asked != tt.asked {
				t.Errorf("somebody was asked %d times, want %d", asked, tt.asked)
			}
			if tt.status == 401 && got.Header.Get("Www-Authenticate") != `Bearer realm="wsticket", error="invalid_token"` {
				t.Errorf("challenge %q, want that of a wrong bearer", got.Header.Get("Www-Authenticate"))
			}
			f.logs.waitFor(t, `"Reason":"`+tt.reason+`"`)
			f.noneOf(t, got, goodBearer, marker)
		})
	}
}

// A session's grant is that of a bearer.
func TestSessionGrant(t *testing.T) {
	grants := make(chan ticket.Grant, 1)
	f := newFixture(t, func(o *ws.Options) {
		o.Doors, o.Sessions, o.SessionCookie, o.Authenticator = nil, fakeAuth{}, "__Host-sid", nil
		o.Audience = "chat"
		o.Endpoint = func(_ context.Context, _ *websocket.Conn, grant ticket.Grant) error {
			grants <- grant
			return nil
		}
	})
	f.send(t, request(plain, "Origin: "+appOrigin, "Cookie: __Host-sid="+goodBearer))
	grant := <-grants
	if grant.Identity.Subject != "alice" || grant.Audience != "chat" || grant.Scope != "read write" ||
		!grant.ConnectionExpiresAt.Equal(grant.Identity.ExpiresAt) {
		t.Errorf("grant %+v, want alice's for chat, until her session ends", grant)
	}
	if _, err := ticket.ParseID(string(grant.ID)); err != nil {
		t.Errorf("connection ID %q: %v", grant.ID, err)
	}
	// A session cookie is no bearer for the header.
	if got := f.send(t, request(plain, "Authorization: Bearer "+goodBearer)); got.StatusCode != 401 {
		t.Errorf("the session in the header: status %d, want 401", got.StatusCode)
	}
}

// Where the door is closed a cookie is what browsers send unasked.
func TestCookieAtAClosedDoor(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) {
		o.Sessions, o.SessionCookie = fakeAuth{}, "sid"
	})
	cookie := "Cookie: sid=" + goodBearer
	if got := f.send(t, request(plain, cookie, "Origin: "+appOrigin)); got.StatusCode != 401 || problemCode(got.body) != absent {
		t.Errorf("alone: %d %s, want 401 %s", got.StatusCode, got.body, absent)
	}
	text := request(query, cookie, "+Cookie: sid=x")
	if got := f.send(t, strings.ReplaceAll(text, "$T", f.issue(nil).Token.Reveal())); got.StatusCode != switching {
		t.Errorf("beside a ticket: status %d, want 101", got.StatusCode)
	}
}
