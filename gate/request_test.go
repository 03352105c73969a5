package gate_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

func TestPageOrigin(t *testing.T) {
	j := newJudge(t, nil)
	for rule, row := range map[string]struct {
		lines []string
		want  string
		err   error
	}{
		"no page":               {nil, "", nil},
		"an allowed one":        {[]string{appOrigin + ":443"}, appOrigin, nil},
		"another one":           {[]string{"https://evil.example"}, "", gate.ErrOrigin},
		"the allowed one twice": {[]string{appOrigin, appOrigin}, "", gate.ErrOrigin},
		"an empty one":          {[]string{""}, "", gate.ErrOrigin},
	} {
		if got, err := j.PageOrigin(http.Header{"Origin": row.lines}); got != row.want || !errors.Is(err, row.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", rule, got, err, row.want, row.err)
		}
	}
	if got, ok := j.AllowsOrigin(appOrigin + ":443"); got != appOrigin || !ok {
		t.Errorf("AllowsOrigin = %q, %t, want the canonical origin", got, ok)
	}
	if !j.AllowsHost("api.example.com:8080") || j.AllowsHost("evil.example") {
		t.Error("AllowsHost does not compare with Hosts")
	}
	if any := newJudge(t, func(o *gate.Options) { o.Hosts = nil }); !any.AllowsHost("evil.example") {
		t.Error("AllowsHost refuses although no Hosts are configured")
	}
}

func TestSessionCookie(t *testing.T) {
	with, without := newJudge(t, withSessions), newJudge(t, nil)
	for rule, row := range map[string]struct {
		j      *judge
		cookie string
		want   string
		err    error
	}{
		"none":         {with, "a=b", "", nil},
		"one":          {with, "a=b; sid=x", "x", nil},
		"two":          {with, "sid=x; sid=x", "", gate.ErrCookie},
		"malformed":    {with, `sid="x"`, "", gate.ErrCookie},
		"not accepted": {without, "sid=x; sid=x", "", nil},
	} {
		if got, err := row.j.SessionCookie(http.Header{"Cookie": {row.cookie}}); got != row.want || !errors.Is(err, row.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", rule, got, err, row.want, row.err)
		}
	}
	if !with.HasSessions() || without.HasSessions() {
		t.Error("HasSessions is wrong")
	}
	if got, err := with.AuthenticateSession(t.Context(), ticket.NewBearer(goodBearer)); err != nil || got.Subject != "alice" {
		t.Errorf("AuthenticateSession = %q, %v, want alice", got.Subject, err)
	}
}

func TestAuthenticateBearer(t *testing.T) {
	j := newJudge(t, nil)
	if got, err := j.AuthenticateBearer(t.Context(), ticket.NewBearer(goodBearer)); err != nil || got.Subject != "alice" || !j.TakesBearers() {
		t.Errorf("AuthenticateBearer = %q, %v, want alice", got.Subject, err)
	}
	j = newJudge(t, func(o *gate.Options) { o.Authenticator = nil })
	if _, err := j.AuthenticateBearer(t.Context(), ticket.NewBearer(goodBearer)); !errors.Is(err, ticket.ErrInvalidBearer) || j.TakesBearers() {
		t.Errorf("without an Authenticator: %v, want ErrInvalidBearer", err)
	}
}

// The request to the application contains no credential, and everything else.
func TestRemoveCredentials(t *testing.T) {
	j := newJudge(t, withSessions)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ws?room=1&ticket=x&a=%41", http.NoBody)
	r.Header = http.Header{"Authorization": {"Basic eDp5"}, "Cookie": {"a=b; sid=x"}, "Accept": {"*/*"}}
	j.RemoveCredentials(r)
	if r.URL.RawQuery != "room=1&a=%41" || len(r.Header) != 2 || r.Header.Get("Cookie") != "a=b" {
		t.Errorf("left are %q and %v", r.URL.RawQuery, r.Header)
	}
}

// A limit is an event, and is judged before the credential.
func TestAddressLimit(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.AddressLimit = gate.NewRateLimiter(1, 90*time.Second) })
	j.check(t, row{"", test.Handshake(query), switching, "", true})
	_, _, err := j.judge(t, test.Handshake(query))
	if limited, ok := errors.AsType[*gate.LimitError](err); !ok || limited.RetryAfter <= 89*time.Second || !errors.Is(err, gate.ErrLimited) {
		t.Errorf("the second handshake: %v, want a LimitError of 90s", err)
	}
	if n := j.events.Count(ticket.EventRefuse); n != 0 || j.spent != 1 {
		t.Errorf("%d refusals beside the limit, %d tickets spent, want none and 1", n, j.spent)
	}
	if e := j.events.Last(1)[0]; e.Kind != ticket.EventLimit || e.Reason != "rate_limited" || e.Outcome != gate.OutcomeRefused {
		t.Errorf("event %+v, want a limit", e)
	}
	j.check(t, row{"a wrong origin comes before it", test.Handshake(query, "Origin: https://evil.example"), 403, denied, false})
	if err := j.LimitAddress(netip.MustParseAddr("192.0.2.2")); err != nil {
		t.Errorf("another address: %v", err)
	}
}

func TestRateLimiter(t *testing.T) {
	l := gate.NewRateLimiter(1, time.Hour)
	if _, exhausted := l.Exhausted("a"); exhausted {
		t.Error("it is exhausted before the first event")
	}
	if _, ok := l.Allow("a"); !ok {
		t.Error("the first event is refused")
	}
	if after, exhausted := l.Exhausted("a"); !exhausted || after <= 0 {
		t.Error("it is not exhausted after the first event")
	}
	var none *gate.RateLimiter
	if _, ok := none.Allow("a"); !ok {
		t.Error("nil refuses")
	}
	if _, exhausted := none.Exhausted("a"); exhausted {
		t.Error("nil is exhausted")
	}
}

// A proxy asks about a handshake that it has stripped of its hop-by-hop headers.
// The attempt has the name that the proxy gave the request.
func TestForwardedHandshake(t *testing.T) {
	j := newJudge(t, nil)
	ask := func(id, key, client string) ticket.Presentation {
		addr, _ := netip.ParseAddr(client) // empty: unknown
		c, err := j.Check(context.Background(), gate.Handshake{
			Method: http.MethodGet, Host: "api.example.com", RawQuery: "ticket=" + wellFormed,
			Header: http.Header{"Sec-Websocket-Key": {key}}, ClientIP: addr, RequestID: id,
			Choose: gate.Offer.ChooseRelayed,
		})
		if err != nil || c.TicketID() == "" {
			t.Fatalf("Check: %v, want a ticket", err)
		}
		return c.Presentation
	}
	const key, other = test.HandshakeKey, "AAAAAAAAAAAAAAAAAAAAAA=="
	first := ask("one", key, "192.0.2.1")
	if first.Door != ticket.DoorQuery || len(first.Attempt) != 22 || first != ask("one", key, "192.0.2.1") {
		t.Errorf("presentation %+v, want the same one for the same request", first)
	}
	for _, p := range []ticket.Presentation{ask("two", key, "192.0.2.1"), ask("one", other, "192.0.2.1"), ask("one", key, "192.0.2.2")} {
		if p.Attempt == first.Attempt {
			t.Errorf("presentation %+v has the attempt of another one", p)
		}
	}
	if unknown := ask("one", key, ""); unknown.Attempt == first.Attempt || unknown.Attempt == "" || unknown.Attempt == ask("one", other, "").Attempt {
		t.Errorf("the attempt of an unknown client is %q, want the name of its handshake", unknown.Attempt)
	}
	if _, err := j.Check(t.Context(), gate.Handshake{Method: http.MethodGet, Header: http.Header{}}); !errors.Is(err, gate.ErrUpgrade) {
		t.Errorf("a followed link: %v, want ErrUpgrade", err)
	}
}

// A bearer in a first message is checked like one in a header.
func TestWithMessage(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.Doors = nil })
	waiting := j.check(t, row{"", test.Handshake(plain), switching, "", false})
	for text, want := range map[string]error{
		wellFormed: nil, goodBearer: nil, "wst1_x": ticket.ErrMalformedToken, "a b": ticket.ErrInvalidBearer, "": ticket.ErrInvalidBearer,
	} {
		c, err := j.WithMessage(waiting, text)
		if !errors.Is(err, want) || c.Presentation.Door != ticket.DoorFirstMessage {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
		if want != nil {
			continue
		}
		if grant, err := j.Admit(t.Context(), c); err != nil || grant.Identity.Subject != "alice" || grant.Audience != "chat" {
			t.Errorf("%q: Admit = %+v, %v, want alice's for chat", text, grant, err)
		}
	}
	if doors := gate.Doors(); !slices.Contains(doors, ticket.DoorFirstMessage) || slices.Contains(doors, ticket.DoorConsume) {
		t.Errorf("Doors = %q, want those of a handshake", doors)
	}
}
