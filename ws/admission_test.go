package ws_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// All wrong tickets get the same answer, byte for byte, whatever is wrong with
// them.
func TestWrongTicketsLookTheSame(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.ws.Audience, s.gate.TrustedProxies = "chat", loopback })
	wrong := map[string]string{
		"malformed":      "wst1_" + marker,
		"not_found":      newFixture(t, nil).issue(nil).Token.Reveal(),
		"wrong_audience": f.issue(func(r *ticket.Request) { r.Audience = "admin" }).Token.Reveal(),
		"wrong_origin":   f.issue(func(r *ticket.Request) { r.Origin = appOrigin }).Token.Reveal(),
	}
	spent := f.issue(nil).Token
	if _, err := f.service.Redeem(t.Context(), spent, ticket.Presentation{Audience: "chat"}); err != nil {
		t.Fatal(err)
	}
	wrong["spent"] = spent.Reveal()
	revoked := f.issue(nil)
	if err := f.service.Revoke(t.Context(), revoked.ID, test.Alice()); err != nil {
		t.Fatal(err)
	}
	wrong["revoked"] = revoked.Token.Reveal()
	present := func(token string) answer {
		return f.send(t, strings.ReplaceAll(request(query, "X-Request-Id: one"), "$T", token))
	}
	const body = `{"type":"about:blank","title":"The ticket was not accepted","status":401,"code":"invalid_ticket","request_id":"one"}`
	check := func(reason string, got answer) {
		t.Helper()
		got.Header.Del("Date")
		want := http.Header{
			"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}, "Content-Length": {"116"},
			"X-Request-Id": {"one"}, "Www-Authenticate": {`Ticket realm="wsticket", error="invalid_ticket"`},
		}
		if got.StatusCode != 401 || string(got.body) != body || !sameHeader(got.Header, want) {
			t.Errorf("%s: %d %v\n%s\nwant 401 %v\n%s", reason, got.StatusCode, got.Header, got.body, want, body)
		}
		f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventRequest, Reason: reason, Outcome: "refused"})
	}
	for reason, token := range wrong {
		check(reason, present(token))
	}
	late := f.issue(nil).Token.Reveal()
	f.timeShift.Store(int64(time.Minute))
	check("expired", present(late))
}

func sameHeader(got, want http.Header) bool {
	var a, b strings.Builder
	_ = got.Write(&a)
	_ = want.Write(&b)
	return a.String() == b.String()
}

// A ticket that opened a connection is spent, even if the connection was short.
func TestAbortDoesNotRestore(t *testing.T) {
	f := newFixture(t, nil)
	token := f.issue(nil).Token.Reveal()
	got := f.send(t, strings.ReplaceAll(request(query), "$T", token))
	if got.StatusCode != switching {
		t.Fatalf("status %d, want 101", got.StatusCode)
	}
	_ = got.conn.Close()
	f.disconnected(t, 0)
	if again := f.send(t, strings.ReplaceAll(request(query), "$T", token)); again.StatusCode != 401 {
		t.Errorf("after an abort: status %d, want 401", again.StatusCode)
	}
}
