package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/api"
	"wsticket/internal/test"
	"wsticket/ticket"
)

const asEvent = "application/secevent+jwt"

// events is an api.SecurityEventVerifier.
type events func(text string) (ticket.SecurityEvent, error)

func (f events) SecurityEvent(_ context.Context, text string) (ticket.SecurityEvent, error) {
	return f(text)
}

// pushedEvent verifies "<action>-<n>" for alice; its text is the jti, too.
func pushedEvent(text string) (ticket.SecurityEvent, error) {
	action, _, ok := strings.Cut(text, "-")
	if !ok {
		return ticket.SecurityEvent{}, ticket.ErrInvalidBearer
	}
	e := ticket.SecurityEvent{
		Issuer: test.Alice().Issuer, Type: "https://example.com/" + action, TokenID: text,
		Before: noon(), UsableUntil: noon().Add(5 * time.Minute),
	}
	switch action {
	case "verification":
		e.Type = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	case "end", "recheck":
		e.Action = ticket.RevocationAction(action)
		e.Who = ticket.Selector{Issuer: e.Issuer, Subject: test.Alice().Subject}
	case "old":
		e.Action, e.Before = ticket.RevokeEnd, noon().Add(-25*time.Hour)
		e.Who = ticket.Selector{Issuer: e.Issuer, Subject: test.Alice().Subject}
	}
	return e, nil
}

func withEvents(edit func(*parts)) func(*parts) {
	return func(p *parts) {
		p.SecurityEvents = events(pushedEvent)
		if edit != nil {
			edit(p)
		}
	}
}

// push sends an event to /security-events.
func (h *house) push(tb testing.TB, body string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	return h.postTo(tb, "/security-events", asEvent, body, header...)
}

// wantEventFault expects an answer in the form of RFC 8935.
func wantEventFault(tb testing.TB, rule string, w *httptest.ResponseRecorder, code, says string) {
	tb.Helper()
	var fault struct{ Err, Description string }
	err := json.Unmarshal(w.Body.Bytes(), &fault)
	if err != nil || w.Code != 400 || fault.Err != code || !strings.Contains(fault.Description, says) ||
		w.Header().Get("Content-Type") != asJSON || w.Header().Get("Cache-Control") != "no-store" {
		tb.Errorf("%s: got %d %v %s, want 400 %s with %q", rule, w.Code, w.Header(), w.Body, code, says)
	}
}

// An event voids tickets at once, and has an effect once.
func TestSecurityEvent(t *testing.T) {
	t.Parallel()
	for _, action := range []ticket.RevocationAction{ticket.RevokeEnd, ticket.RevokeRecheck} {
		h := newHouse(t, withEvents(nil))
		pending := h.mustIssue(t, "")
		token := string(action) + "-1"
		wantEmpty(t, token, h.push(t, token), http.StatusAccepted)
		h.became(t, token, "unmatched", "ok")
		e := h.events.Await(t, "a revocation", func(e ticket.Event) bool { return e.Revocation != nil })
		if v := e.Revocation; v.Source != "security_event" || v.Action != action || !v.Before.Equal(noon()) || v.Subject != "alice" {
			t.Errorf("revocation %+v, want %s, with the time of the event", v, action)
		}
		h.consume(t, fmt.Sprintf(`{"ticket":%q}`, pending.Ticket))
		h.became(t, "her ticket", "refused", "voided")
		wantEmpty(t, "the same again", h.push(t, token), http.StatusAccepted)
		h.became(t, "the same again", "repeated", "ok")
		if n := h.events.Count(ticket.EventRevoke); n != 1 {
			t.Errorf("%s: %d revocations, want 1", action, n)
		}
	}
}

// Events that change nothing are accepted, also those that are older than any bearer.
func TestSecurityEventsThatChangeNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withEvents(nil))
	for token, outcome := range map[string]string{"verification-1": "verification", "else-1": "unknown", "old-1": "unmatched"} {
		wantEmpty(t, token, h.push(t, token), http.StatusAccepted)
		h.became(t, token, outcome, "ok")
	}
	if h.events.Count(ticket.EventRevoke) != 0 {
		t.Error("something was revoked")
	}
}

// refusedFor is a refusal of a verifier by its reason.
type refusedFor string

func (r refusedFor) Error() string  { return string(r) }
func (r refusedFor) Reason() string { return string(r) }
func (r refusedFor) Unwrap() error  { return ticket.ErrInvalidBearer }

// Each fault of a request, and the code of each refusal of a token.
func TestSecurityEventFaults(t *testing.T) {
	t.Parallel()
	h := newHouse(t, withEvents(func(p *parts) {
		p.SecurityEvents = events(func(text string) (ticket.SecurityEvent, error) {
			if strings.HasPrefix(text, "bearer_") {
				return ticket.SecurityEvent{}, refusedFor(text)
			}
			return pushedEvent(text)
		})
	}))
	for rule, row := range map[string]struct {
		body       string
		header     []string
		code, says string
	}{
		"no body":         {"", nil, "invalid_request", "body: must be a security event token"},
		"a form":          {"end-1", []string{"Content-Type", asForm}, "invalid_request", "Content-Type"},
		"another type":    {"end-1", []string{"Content-Type", "application/jwt"}, "invalid_request", "Content-Type"},
		"compressed":      {"end-1", []string{"Content-Encoding", "gzip"}, "invalid_request", "Content-Encoding"},
		"too large":       {strings.Repeat("a", 16<<10+1), nil, "invalid_request", "at most 16384 bytes"},
		"another issuer":  {"bearer_issuer", nil, "invalid_issuer", "the security event is refused: bearer_issuer"},
		"for others":      {"bearer_audience", nil, "invalid_audience", ""},
		"an unknown key":  {"bearer_key_unknown", nil, "invalid_key", ""},
		"several keys":    {"bearer_key_ambiguous", nil, "invalid_key", ""},
		"an algorithm":    {"bearer_algorithm", nil, "invalid_key", ""},
		"a signature":     {"bearer_signature", nil, "authentication_failed", ""},
		"a subject":       {"bearer_subject", nil, "invalid_request", ""},
		"any other fault": {"bearer_claims", nil, "invalid_request", ""},
	} {
		wantEventFault(t, rule, h.push(t, row.body, row.header...), row.code, row.says)
	}
	expect(t, "a GET", h.public(t, newRequest(t, http.MethodGet, "/security-events", "")), 405, "method_not_allowed")
	if h.events.Count(ticket.EventRevoke) != 0 {
		t.Error("something was revoked")
	}
}

// The limit of the address comes before the signature.
func TestSecurityEventLimit(t *testing.T) {
	t.Parallel()
	var verified atomic.Int64
	h := newHouse(t, withEvents(func(p *parts) {
		p.Gate.AddressLimit = perMinute(1)
		p.SecurityEvents = events(func(text string) (ticket.SecurityEvent, error) { verified.Add(1); return pushedEvent(text) })
	}))
	wantEmpty(t, "the first", h.push(t, "end-1"), http.StatusAccepted)
	expect(t, "the second", h.push(t, "end-2"), 429, "rate_limited")
	if n := verified.Load(); n != 1 {
		t.Errorf("%d tokens were verified, want 1", n)
	}
}

// If an event fails the issuer may send the same token again, and it has its effect.
func TestSecurityEventWithoutTheStore(t *testing.T) {
	t.Parallel()
	revoker := new(holding)
	h := newHouse(t, withEvents(func(p *parts) { p.Revoker = revoker }))
	expect(t, "the store is away", h.push(t, "end-1"), 503, "unavailable")
	wantEmpty(t, "the same again", h.push(t, "end-1"), http.StatusAccepted)
	h.became(t, "the same again", "matched", "ok")
	wantEmpty(t, "and once more", h.push(t, "end-1"), http.StatusAccepted)
	h.became(t, "and once more", "repeated", "ok")
	if n := revoker.calls.Load(); n != 2 {
		t.Errorf("revoked %d times, want 2", n)
	}
	half := newHouse(t, withEvents(func(p *parts) { p.Once = &forgetful{Once: p.Once} }))
	expect(t, "half remembered", half.push(t, "end-1"), 503, "unavailable")
	wantEmpty(t, "again", half.push(t, "end-1"), http.StatusAccepted)
	half.became(t, "again", "unmatched", "ok")
	keyless := newHouse(t, withEvents(func(p *parts) {
		p.SecurityEvents = events(func(string) (ticket.SecurityEvent, error) { return ticket.SecurityEvent{}, ticket.ErrUnavailable })
	}))
	expect(t, "no keys", keyless.push(t, "end-1"), 503, "unavailable")
}

// Without an issuer that sends events there is no such path.
func TestSecurityEventsAreOffByDefault(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(p *parts) { p.SecurityEvents = nil })
	expect(t, "no path", h.push(t, "end-1"), 404, "not_found")
	o := new(house).build(t, func(p *parts) { p.Once = nil })
	if _, err := api.New(o); err == nil || !strings.Contains(err.Error(), "SecurityEvents: needs Once") {
		t.Errorf("got %v, want what is missing", err)
	}
}
