package gate_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

const (
	appOrigin  = "https://app.example.com"
	goodBearer = "bearer.of.alice"
	lateBearer = "bearer.past.end" // known, but expired
	deadBearer = "bearer.no.answer"
	hungBearer = "bearer.to.wait.for"
	wellFormed = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht" // of testdata/vectors/token.json
	jwt        = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.MARKER-7f3a"
	marker     = "MARKER-7f3a" // what no event may hold

	query = "GET /ws?ticket=$T HTTP/1.1"
	plain = "GET /ws HTTP/1.1"

	switching = 101
	invalid   = "invalid_request"
	inURL     = "credential_in_url"
	wrong     = "invalid_ticket"
	absent    = "missing_credential"
	denied    = "origin_not_allowed"
)

// judge is a gate that admits everybody with one good credential, and counts.
type judge struct {
	*gate.Gate
	spent, verified int
	events          test.Events
}

// newJudge makes one; change may alter the options before. The first message is
// no door unless it is opened.
func newJudge(t *testing.T, change func(*gate.Options)) *judge {
	t.Helper()
	j := &judge{}
	o := gate.Options{
		Redeemer: j, Authenticator: j, Events: j.events.Record, Origins: []string{appOrigin}, AllowMissingOrigin: true,
		Hosts: []string{"api.example.com"}, AddressLimit: gate.NewRateLimiter(0, 0),
		Doors: []ticket.Door{ticket.DoorQuery, ticket.DoorSubprotocol, ticket.DoorHeader},
	}
	if change != nil {
		change(&o)
	}
	var err error
	if j.Gate, err = gate.New(o); err != nil {
		t.Fatal(err)
	}
	return j
}

// withSessions opens all doors.
func withSessions(o *gate.Options) {
	o.Doors, o.Sessions, o.SessionCookie = gate.Doors(), o.Authenticator, "sid"
}

// Redeem implements [gate.Redeemer].
func (j *judge) Redeem(_ context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	j.spent++
	return ticket.Grant{ID: token.ID(), Identity: test.Alice(), Audience: p.Audience}, nil
}

// Authenticate implements [gate.Authenticator].
func (j *judge) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	j.verified++
	switch bearer.Reveal() {
	case goodBearer:
		return test.Alice(), nil
	case lateBearer:
		late := test.Alice()
		late.ExpiresAt = time.Now()
		return late, nil
	case deadBearer:
		return ticket.Identity{}, fmt.Errorf("keys: %w", ticket.ErrUnavailable)
	case hungBearer:
		<-ctx.Done() // an implementation without a time-out
		return ticket.Identity{}, ctx.Err()
	default:
		return ticket.Identity{}, fmt.Errorf("verify %s: %w", bearer.Reveal(), ticket.ErrInvalidBearer)
	}
}

// row is one handshake and its expected result; $T in the request is a
// well-formed token.
type row struct {
	rule, request string
	status        int
	code          string
	burned        bool // whether a ticket is redeemed
}

// read parses the bytes of a request as net/http does.
func read(t *testing.T, text string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "$T", wellFormed))))
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	return r
}

// judge decides about a handshake.
func (j *judge) judge(t *testing.T, text string) (gate.Candidate, ticket.Grant, error) {
	t.Helper()
	h := j.Received(read(t, text))
	h.Audience, h.FirstMessage = "chat", true
	h.Choose = func(o gate.Offer) (string, error) { return o.Choose([]string{"app.v1", "app.v2"}) }
	c, err := j.Check(t.Context(), h)
	if err != nil || c.Presentation.Door == ticket.DoorFirstMessage {
		return c, ticket.Grant{}, err
	}
	grant, err := j.Admit(t.Context(), c)
	return c, grant, err
}

// check judges the handshake of a row.
func (j *judge) check(t *testing.T, tt row) gate.Candidate {
	t.Helper()
	spent, verified := j.spent, j.verified
	c, grant, err := j.judge(t, tt.request)
	status, code := switching, ""
	if err != nil {
		answer := gate.Refusals().Of(err)
		status, code = answer.Status, answer.Code
		if e := j.events.Last(1)[0]; e.Kind != ticket.EventRefuse || !errors.Is(err, e.Err) || strings.Contains(fmt.Sprintf("%+v", e.Presentation), marker) {
			t.Errorf("event %+v, want a refusal for %v", e, err)
		}
	} else if later := c.Presentation.Door == ticket.DoorFirstMessage; (grant.Identity.Subject == "alice") == later {
		t.Errorf("granted to %q", grant.Identity.Subject)
	}
	if status != tt.status || code != tt.code {
		t.Errorf("answer %d %q (%v), want %d %q", status, code, err, tt.status, tt.code)
	}
	if got := j.spent-spent == 1; got != tt.burned {
		t.Errorf("redeemed: %t, want %t", got, tt.burned)
	}
	if n := j.verified - verified; n > 1 || n == 1 && tt.burned {
		t.Errorf("%d bearers were verified", n)
	}
	return c
}

// A verifier that does not answer in 5 s is given up, which is an outage.
func TestAdmitHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, start := newJudge(t, nil), time.Now()
		j.check(t, row{"", test.Handshake(plain, "Authorization: Bearer "+hungBearer), 503, "unavailable", false})
		if e := j.events.Last(1)[0]; e.Action != ticket.ActionAuthenticate || e.Reason != "unavailable" || time.Since(start) != 5*time.Second {
			t.Errorf("after %s: event %+v, want unavailable after 5s", time.Since(start), e)
		}
	})
}

// The address of a client that is behind a trusted proxy.
func TestClientAddress(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	r := read(t, test.Handshake(query, "X-Forwarded-For: 198.51.100.7"))
	if got := j.Received(r).ClientIP; got != netip.MustParseAddr("198.51.100.7") || !j.Trusts(r) {
		t.Errorf("behind a trusted proxy: %s, want what it reports", got)
	}
	r.RemoteAddr = "203.0.113.9:1"
	if got := j.Received(r).ClientIP; got != netip.MustParseAddr("203.0.113.9") || j.Trusts(r) {
		t.Errorf("from anybody else: %s, want the peer", got)
	}
}
