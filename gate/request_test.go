package gate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
		"the same two": {with, "sid=x; sid=x", "x", nil},
		"two":          {with, "sid=x; sid=y", "", gate.ErrCookieAmbiguous},
		"quoted":       {with, `sid="x"`, "x", nil},
		"malformed":    {with, `sid="x`, "", gate.ErrCookie},
		"not accepted": {without, "sid=x; sid=y", "", nil},
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

// judging is a CookieAuthenticator that tells what it has got.
type judging struct {
	authFunc
	got *string
}

func (c judging) AuthenticateCookies(_ context.Context, cookies ticket.Bearer) (ticket.Identity, error) {
	*c.got = cookies.Reveal()
	return test.Alice(), nil
}

// An application that judges its cookies gets them as they were sent.
func TestCookieAuthenticator(t *testing.T) {
	var got string
	j := newJudge(t, func(o *gate.Options) {
		withSessions(o)
		o.Sessions = judging{everybody, &got}
	})
	for sent, want := range map[string]string{
		`a=1; sid="x y"; sid=z`: `sid="x y"; sid=z`, "sid.1=b; b=2; sid.0=a": "sid.1=b; sid.0=a", "sid=chunks-1; sidC1=a": "sid=chunks-1; sidC1=a",
	} {
		j.check(t, row{"", test.Handshake(plain, "Origin: "+appOrigin, "Cookie: "+sent), switching, "", false})
		if got != want {
			t.Errorf("%s: got %q, want %q", sent, got, want)
		}
		text, err := j.SessionCookie(http.Header{"Cookie": {sent}})
		if who, fault := j.AuthenticateSession(t.Context(), ticket.NewBearer(text)); err != nil || fault != nil || who.Subject != "alice" {
			t.Errorf("%s: %v, %v, want alice", sent, err, fault)
		}
	}
}

func TestBearer(t *testing.T) {
	for rule, row := range map[string]struct {
		lines []string
		want  string
		err   error
	}{
		"none":                    {nil, "", nil},
		"one":                     {[]string{"Bearer x"}, "x", nil},
		"beside another scheme":   {[]string{"Basic eDp5", "bearer x"}, "x", nil},
		"another scheme":          {[]string{"Negotiate YII="}, "", nil},
		"a ticket is no bearer":   {[]string{"Ticket x"}, "", nil},
		"two":                     {[]string{"Bearer x", "Bearer x"}, "", gate.ErrTwoCredentials},
		"malformed":               {[]string{"Bearer"}, "", gate.ErrAuthorization},
		"one that is not ASCII":   {[]string{"Bearer ä"}, "", gate.ErrAuthorization},
		"a list of two, by comma": {[]string{"Bearer x, Bearer y"}, "", gate.ErrAuthorization},
	} {
		if got, err := gate.Bearer(http.Header{"Authorization": row.lines}); got != row.want || !errors.Is(err, row.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", rule, got, err, row.want, row.err)
		}
	}
}

// One network cannot have what is meant for many clients.
func TestNetworkLimit(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.AddressLimit = gate.NewRateLimiter(1, time.Hour) })
	admitted := 0
	var err error
	for n := range 100 {
		if err = j.LimitAddress(netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x00::1", n))); err == nil {
			admitted++
		}
	}
	if admitted != 16 || !errors.Is(err, gate.ErrLimited) {
		t.Errorf("%d of 100 clients of one network were admitted, then %v, want 16", admitted, err)
	}
	if got := fmt.Sprint(ticket.AttrsOf(err)); got != "[limit=limits.per_address network=2001:db8:1::/48 expected=[at most 16 in 1h0m0s]]" {
		t.Errorf("attributes %s, want the limit and the network", got)
	}
	other := newJudge(t, func(o *gate.Options) { o.AddressLimit = refusing{} })
	if got := fmt.Sprint(ticket.AttrsOf(other.LimitAddress(netip.Addr{}))); got != "[limit=limits.per_address]" {
		t.Errorf("attributes of a limiter of somebody else: %s", got)
	}
}

// A proxy that does not say readably whom it stands for is not one client.
func TestLimitOfAProxy(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) {
		o.AddressLimit = gate.NewRateLimiter(1, time.Hour)
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	for addr, want := range map[string]int{"10.0.0.1": 16, "10.0.0.2": 16, "192.0.2.1": 1} {
		admitted := 0
		for range 100 {
			if j.LimitAddress(netip.MustParseAddr(addr)) == nil {
				admitted++
			}
		}
		if admitted != want {
			t.Errorf("%s: %d of 100 were admitted, want %d", addr, admitted, want)
		}
	}
}

// refusing is a Limiter that allows nothing.
type refusing struct{}

func (refusing) Allow(string) (time.Duration, bool) { return time.Second, false }

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

// The handshakes of a user are counted whatever the credential, and those that are
// refused for another reason are not.
func TestHandshakeLimit(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.HandshakeLimit = gate.NewRateLimiter(2, time.Hour) })
	bearer := test.Handshake(plain, "Authorization: Bearer "+goodBearer)
	j.check(t, row{"", test.Handshake(plain, "Authorization: Bearer "+lateBearer), 401, "invalid_token", false})
	j.check(t, row{"", test.Handshake(query), switching, "", true})
	j.check(t, row{"", bearer, switching, "", false})
	for _, request := range []string{test.Handshake(query), bearer} {
		_, grant, err := j.judge(t, request)
		limited, ok := errors.AsType[*gate.LimitError](err)
		if !ok || limited.RetryAfter <= 0 || grant.ID != "" {
			t.Errorf("one too many: got %+v, %v, want a LimitError and no grant", grant, err)
		}
		e := j.events.Last(1)[0]
		if e.Kind != ticket.EventLimit || e.Reason != "rate_limited" || e.Identity.Subject != "alice" {
			t.Errorf("event %+v, want a limit of alice", e)
		}
	}
}

func TestRateLimiter(t *testing.T) {
	l := gate.NewRateLimiter(1, time.Hour)
	if _, ok := l.Allow("a"); !ok {
		t.Error("the first event is refused")
	}
	if after, ok := l.Allow("a"); ok || after <= 0 {
		t.Error("it admits a second event")
	}
	var none *gate.RateLimiter
	if _, ok := none.Allow("a"); !ok {
		t.Error("nil refuses")
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
	j := newJudge(t, func(o *gate.Options) { o.Doors = []ticket.Door{ticket.DoorFirstMessage} })
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

func TestSetRate(t *testing.T) {
	limiter := gate.NewRateLimiter(2, time.Hour)
	g := newJudge(t, func(o *gate.Options) { o.AddressLimit = limiter })
	addr := netip.MustParseAddr("192.0.2.1")
	wants := func(rule string, want bool) {
		t.Helper()
		if err := g.LimitAddress(addr); (err == nil) != want {
			t.Errorf("%s: got %v, want it allowed: %t", rule, err, want)
		}
	}
	wants("the first", true)
	limiter.SetRate(2, time.Hour) // which changes nothing
	wants("the second", true)
	wants("the third", false)
	limiter.SetRate(0, 0)
	wants("without a limit", true)
	limiter.SetRate(1, time.Minute)
	wants("with a limit again", true)
	err := g.LimitAddress(addr)
	if limited, ok := errors.AsType[*gate.LimitError](err); !ok || limited.Events != 1 || limited.Per != time.Minute {
		t.Errorf("got %v, want the new limit in the error", err)
	}
}
