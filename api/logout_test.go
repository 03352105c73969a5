package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/api"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// logouts is an api.LogoutVerifier.
type logouts func(text string) (ticket.Logout, error)

func (f logouts) Logout(_ context.Context, text string) (ticket.Logout, error) { return f(text) }

// tokens verifies "iat" seconds before noon, for alice; its text is the jti, too.
func tokens(text string) (ticket.Logout, error) {
	var age int
	if _, err := fmt.Sscanf(text, "alice-%d", &age); err != nil {
		return ticket.Logout{}, ticket.ErrInvalidBearer
	}
	iat := noon().Add(-time.Duration(age) * time.Second)
	return ticket.Logout{
		Who:     ticket.Selector{Issuer: test.Alice().Issuer, Subject: test.Alice().Subject},
		TokenID: text, IssuedAt: iat, UsableUntil: iat.Add(5 * time.Minute),
	}, nil
}

func withLogouts(edit func(*parts)) func(*parts) {
	return func(p *parts) {
		p.Logouts = logouts(tokens)
		if edit != nil {
			edit(p)
		}
	}
}

// logOut sends a form to /backchannel-logout.
func (h *house) logOut(tb testing.TB, body string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	return h.postTo(tb, "/backchannel-logout", asForm, body, header...)
}

// postTo sends a body of a kind, unless the header says another one.
func (h *house) postTo(tb testing.TB, path, kind, body string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := newRequest(tb, http.MethodPost, path, body, header...)
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", kind)
	}
	return h.public(tb, r)
}

func logoutForm(token string) string { return url.Values{"logout_token": {token}}.Encode() }

// wantLogoutFault expects an answer in the form of the standard.
func wantLogoutFault(tb testing.TB, rule string, w *httptest.ResponseRecorder, says string) {
	tb.Helper()
	var fault struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	err := json.Unmarshal(w.Body.Bytes(), &fault)
	if err != nil || w.Code != 400 || fault.Error != "invalid_request" || !strings.Contains(fault.Description, says) ||
		w.Header().Get("Content-Type") != asJSON || w.Header().Get("Cache-Control") != "no-store" {
		tb.Errorf("%s: got %d %v %s, want 400 invalid_request with %q", rule, w.Code, w.Header(), w.Body, says)
	}
}

// wantEmpty expects a status with nothing in it.
func wantEmpty(tb testing.TB, rule string, w *httptest.ResponseRecorder, status int) {
	tb.Helper()
	if w.Code != status || w.Body.Len() != 0 || w.Header().Get("Cache-Control") != "no-store" {
		tb.Errorf("%s: got %d %v %s, want %d without a body", rule, w.Code, w.Header(), w.Body, status)
	}
}

// A logout refuses bearers and voids tickets at once, and its token counts once.
func TestLogout(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withLogouts(nil))
	pending := h.mustIssue(t, "")
	wantEmpty(t, "a token", h.logOut(t, logoutForm("alice-0")), http.StatusOK)
	h.became(t, "a token", "unmatched", "ok")
	e := h.events.Await(t, "a revocation", func(e ticket.Event) bool { return e.Revocation != nil })
	if v := e.Revocation; v.Source != "backchannel_logout" || v.Action != ticket.RevokeEnd || !v.Before.Equal(noon()) || v.Subject != "alice" {
		t.Errorf("revocation %+v, want that of the token, with its iat", v)
	}
	h.consume(t, fmt.Sprintf(`{"ticket":%q}`, pending.Ticket))
	h.became(t, "her ticket", "refused", "voided")
	wantLogoutFault(t, "the token again", h.logOut(t, logoutForm("alice-0")), "logout_replayed")
	h.became(t, "the token again", "refused", "logout_replayed")
	wantEmpty(t, "another one", h.logOut(t, logoutForm("alice-1"), "Content-Type", asForm+"; charset=UTF-8"), http.StatusOK)
	if n := h.events.Count(ticket.EventRevoke); n != 2 {
		t.Errorf("%d revocations, want 2", n)
	}
}

// Each fault of a request, which has no effect.
func TestLogoutsThatAreMalformed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withLogouts(nil))
	for rule, row := range map[string]struct {
		body   string
		header []string
		says   string
	}{
		"no body":               {"", nil, "logout_token: required"},
		"no token":              {"token=alice-0", nil, "logout_token: required"},
		"an empty token":        {"logout_token=", nil, "logout_token: required"},
		"two tokens":            {"logout_token=alice-0&logout_token=alice-0", nil, "twice"},
		"no form":               {"logout_token=%zz", nil, "not a form"},
		"JSON":                  {`{"logout_token":"alice-0"}`, []string{"Content-Type", asJSON}, "Content-Type"},
		"another charset":       {logoutForm("alice-0"), []string{"Content-Type", asForm + "; charset=latin1"}, "Content-Type"},
		"compressed":            {logoutForm("alice-0"), []string{"Content-Encoding", "gzip"}, "Content-Encoding"},
		"too large":             {logoutForm(strings.Repeat("a", 16<<10)), nil, "at most 16384 bytes"},
		"a token that is wrong": {logoutForm("guess"), nil, "the logout token is refused"},
	} {
		wantLogoutFault(t, rule, h.logOut(t, row.body, row.header...), row.says)
	}
	expect(t, "a GET", h.public(t, newRequest(t, http.MethodGet, "/backchannel-logout?"+logoutForm("alice-0"), "")), 405, "method_not_allowed")
	if h.events.Count(ticket.EventRevoke) != 0 {
		t.Error("something was revoked")
	}
	// More than other endpoints take.
	wantEmpty(t, "a long form", h.logOut(t, logoutForm("alice-0")+"&more="+strings.Repeat("a", 8<<10)), http.StatusOK)
	// Pages get no answer that they can read.
	if w := h.logOut(t, logoutForm("alice-2"), "Origin", page); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %v, want no CORS", w.Header())
	}
}

// A token that is older than any bearer is good, and has nothing to do.
func TestLogoutThatIsOld(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withLogouts(nil))
	wantEmpty(t, "a day and a second", h.logOut(t, logoutForm("alice-86401")), http.StatusOK)
	if h.events.Count(ticket.EventRevoke) != 0 {
		t.Error("something was revoked")
	}
}

// The limit of the address comes before the signature.
func TestLogoutLimit(t *testing.T) {
	t.Parallel()
	var verified atomic.Int64
	h := newHouse(t, withLogouts(func(p *parts) {
		p.Gate.AddressLimit = perMinute(1)
		p.Logouts = logouts(func(text string) (ticket.Logout, error) { verified.Add(1); return tokens(text) })
	}))
	wantEmpty(t, "the first", h.logOut(t, logoutForm("alice-0")), http.StatusOK)
	expect(t, "the second", h.logOut(t, logoutForm("alice-1")), 429, "rate_limited")
	if n := verified.Load(); n != 1 {
		t.Errorf("%d tokens were verified, want 1", n)
	}
}

// holding is an api.Revoker that has a connection, and whose store is away at first.
type holding struct {
	unreachable
	calls atomic.Int64
}

func (*holding) Holds(ticket.Selector) bool { return true }

func (h *holding) Revoke(context.Context, ...ticket.Revocation) error {
	if h.calls.Add(1) == 1 {
		return ticket.ErrUnavailable
	}
	return nil
}

// If a logout fails the issuer may send the same token again.
func TestLogoutWithoutTheStore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withLogouts(func(p *parts) { p.Revoker = new(holding) }))
	w := h.logOut(t, logoutForm("alice-0"))
	expect(t, "the store is away", w, 503, "unavailable")
	if w.Header().Get("Retry-After") == "" {
		t.Errorf("got %v, want when to repeat", w.Header())
	}
	wantEmpty(t, "the same token again", h.logOut(t, logoutForm("alice-0")), http.StatusOK)
	h.became(t, "the same token again", "logged_out", "ok")
	wantLogoutFault(t, "and once more", h.logOut(t, logoutForm("alice-0")), "logout_replayed")
}

// forgetful is a ticket.Once that is away at first.
type forgetful struct {
	ticket.Once
	calls atomic.Int64
}

func (o *forgetful) First(ctx context.Context, name string, keep time.Duration) (bool, error) {
	first, err := o.Once.First(ctx, name, keep)
	if o.calls.Add(1) == 1 {
		return false, ticket.ErrUnavailable
	}
	return first, err
}

// It is not known whether the store has remembered a token, so that it is forgotten.
func TestLogoutThatIsHalfRemembered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withLogouts(func(p *parts) { p.Once = &forgetful{Once: p.Once} }))
	expect(t, "the store is away", h.logOut(t, logoutForm("alice-0")), 503, "unavailable")
	wantEmpty(t, "the same token again", h.logOut(t, logoutForm("alice-0")), http.StatusOK)
}

// Keys of the issuer that are missing are an outage, and no fault of the token.
func TestLogoutWithoutKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withLogouts(func(p *parts) {
		p.Logouts = logouts(func(string) (ticket.Logout, error) { return ticket.Logout{}, ticket.ErrUnavailable })
	}))
	expect(t, "no keys", h.logOut(t, logoutForm("alice-0")), 503, "unavailable")
}

// Without an issuer that sends logout tokens there is no such path.
func TestLogoutIsOffByDefault(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(p *parts) { p.Logouts, p.SecurityEvents, p.Once = nil, nil, nil })
	expect(t, "no path", h.logOut(t, logoutForm("alice-0")), 404, "not_found")
	o := new(house).build(t, func(p *parts) { p.Once = nil })
	if _, err := api.New(o); err == nil || !strings.Contains(err.Error(), "Logouts: needs Once") {
		t.Errorf("got %v, want what is missing", err)
	}
}
