package gate_test

import (
	"context"
	"net/netip"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// The cookie door. What a Cookie header may look like is tested in
// internal/header.
func TestCookieDoor(t *testing.T) {
	j := newJudge(t, withSessions)
	page := "Origin: " + appOrigin
	tests := []struct {
		rule   string
		edits  []string
		status int
		code   string
		asked  int // how often somebody was asked about a session
		reason string
	}{
		{"a session", []string{page, "Cookie: sid=" + goodBearer}, switching, "", 1, "ok"},
		{"among other cookies", []string{page, "Cookie: a=b; sid=" + goodBearer + "; sid2=x"}, switching, "", 1, "ok"},
		{"O1 without an Origin, which is looked at first", []string{"Cookie: sid=" + goodBearer}, 403, denied, 0, denied},
		{"from another page", []string{"Origin: https://evil.example", "Cookie: sid=" + goodBearer}, 403, denied, 0, denied},
		{"from a sibling, whose requests are of the same site", []string{"Origin: https://x.app.example.com", "Cookie: sid=" + goodBearer}, 403, denied, 0, denied},
		{"a wrong session without an Origin is no other refusal", []string{"Cookie: sid=x"}, 403, denied, 0, denied},
		{"a session that nobody knows", []string{page, "Cookie: sid=" + marker}, 401, "invalid_token", 1, "invalid_bearer"},
		{"a session at its end", []string{page, "Cookie: sid=" + lateBearer}, 401, "invalid_token", 1, "bearer_expired"},
		{"keys that are away", []string{page, "Cookie: sid=" + deadBearer}, 503, "unavailable", 1, "unavailable"},
		{"the same one twice, of two paths", []string{page, "Cookie: sid=" + goodBearer + "; sid=" + goodBearer}, switching, "", 1, "ok"},
		{"two sessions, one of which a sibling may have set", []string{page, "Cookie: sid=" + goodBearer + "; sid=x"}, 401, "invalid_token", 0, "session_ambiguous"},
		{"two over two lines", []string{page, "Cookie: sid=" + goodBearer, "+Cookie: sid=x"}, 401, "invalid_token", 0, "session_ambiguous"},
		{"an empty one, of a session that is over", []string{page, "Cookie: sid="}, switching, "", 0, "ok"}, // waits for a first message
		{"a quoted one", []string{page, `Cookie: sid="` + goodBearer + `"`}, switching, "", 1, "ok"},
		{"in chunks", []string{page, "Cookie: sid.0=" + goodBearer[:4] + "; sid.1=" + goodBearer[4:]}, switching, "", 1, "ok"},
		{"a chunk is missing", []string{page, "Cookie: sid.1=" + goodBearer}, 401, "invalid_token", 0, "session_malformed"},
		{"not made of cookie-octets", []string{page, "Cookie: sid=a b"}, 401, "invalid_token", 0, "session_malformed"},
		{"a ticket as session is no ticket", []string{page, "Cookie: sid=" + wellFormed}, 401, "invalid_token", 1, "invalid_bearer"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			verified := j.verified
			j.check(t, row{tt.rule, test.Handshake(plain, tt.edits...), tt.status, tt.code, false})
			if asked := j.verified - verified; asked != tt.asked {
				t.Errorf("somebody was asked %d times, want %d", asked, tt.asked)
			}
			if tt.status != switching {
				if e := j.events.Last(1)[0]; e.Reason != tt.reason {
					t.Errorf("reason %q, want %q", e.Reason, tt.reason)
				}
			}
		})
	}
}

// addressed is an Authenticator that notes the address of the client.
type addressed struct{ got []netip.Addr }

func (a *addressed) Authenticate(ctx context.Context, _ ticket.Bearer) (ticket.Identity, error) {
	a.got = append(a.got, ticket.RequestOf(ctx).ClientIP)
	return ticket.Identity{}, ticket.ErrInvalidBearer
}

// TestAuthenticatorKnowsTheClient: it needs the address to keep clients from each
// other's places, and gets it however the gate is called.
func TestAuthenticatorKnowsTheClient(t *testing.T) {
	t.Parallel()
	var seen addressed
	j := newJudge(t, func(o *gate.Options) { withSessions(o); o.Authenticator, o.Sessions = &seen, &seen })
	for _, edit := range []string{"Authorization: Bearer " + goodBearer, "Cookie: sid=a"} {
		_, _, _ = j.judge(t, test.Handshake(plain, "Origin: "+appOrigin, edit))
	}
	want := netip.MustParseAddr("192.0.2.1")
	if len(seen.got) != 2 || seen.got[0] != want || seen.got[1] != want {
		t.Errorf("got %v, want %s twice", seen.got, want)
	}
}
