package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// revoke sends a body to /revocations with a key.
func (h *house) revoke(tb testing.TB, key, body string) *httptest.ResponseRecorder {
	tb.Helper()
	return h.internal(tb, newRequest(tb, http.MethodPost, "/revocations", body, "Authorization", "Bearer "+key, "Content-Type", asJSON))
}

// A revocation refuses bearers at once and voids tickets that were issued, and says
// what it has done.
func TestRevocations(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	pending := h.mustIssue(t, "")
	w := h.revoke(t, "revoke-key", `{"sub":"alice","action":"end","reason":"disabled"}`)
	expect(t, "revoke", w, 202, "")
	var answer struct {
		ID      string
		Before  time.Time
		Durable *bool
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.ID == "" || answer.Durable == nil || *answer.Durable || !answer.Before.Equal(noon().Add(5*time.Second)) {
		t.Errorf("answer %s, %v, want an ID, five seconds after noon, and not durable", w.Body, err)
	}
	h.became(t, "revoke", "revoked", "ok")
	e := h.events.Await(t, "a revocation", func(e ticket.Event) bool { return e.Revocation != nil })
	if v := e.Revocation; v.ID != answer.ID || v.Source != "api" || v.Reason != "disabled" || e.Request.Caller != "key:for-revoke" || e.Identity.Subject != "alice" {
		t.Errorf("event %+v, want what was asked for and by whom", e)
	}
	if w := h.consume(t, fmt.Sprintf(`{"ticket":%q}`, pending.Ticket)); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"active":false}` {
		t.Errorf("her ticket: %d %s, want that of an unknown one", w.Code, w.Body)
	}
	h.became(t, "her ticket", "refused", "voided")
	expect(t, "her bearer", h.post(t, ""), 401, "invalid_token")
	h.became(t, "her bearer", "refused", "bearer_revoked")
	expect(t, "a receipt", h.public(t, newRequest(t, http.MethodGet, "/ws-ticket/"+pending.ID, "", "Authorization", good)), 401, "invalid_token")
	if w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", other)); w.Code != 201 {
		t.Errorf("another user: %d %s, want 201", w.Code, w.Body)
	}
}

// Each fault by itself, with what the caller is told.
func TestRevocationsThatAreMalformed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for rule, row := range map[string]struct{ body, says string }{
		"no body":                  {``, "body: missing"},
		"no action":                {`{"sub":"alice"}`, "action: required"},
		"an invented action":       {`{"sub":"alice","action":"replace"}`, "action: must be"},
		"nobody":                   {`{"action":"end"}`, "everybody: true"},
		"an issuer alone":          {fmt.Sprintf(`{"iss":%q,"action":"end"}`, test.Issuer), "everybody: true"},
		"everybody and somebody":   {`{"sub":"alice","everybody":true,"action":"end"}`, "everybody: must not"},
		"everybody, but no":        {`{"everybody":false,"action":"end"}`, "everybody: must be true"},
		"a user and a session":     {`{"sub":"alice","sid":"s","action":"end"}`, "only one of"},
		"an empty user":            {`{"sub":"","action":"end"}`, "sub: "},
		"another issuer":           {`{"iss":"https://evil.example.com","sub":"alice","action":"end"}`, "iss: not an issuer"},
		"a ticket and an issuer":   {fmt.Sprintf(`{"iss":%q,"ticket_id":%q,"action":"end"}`, test.Issuer, unknownID), "iss: must not"},
		"a ticket in its spelling": {fmt.Sprintf(`{"ticket_id":%q,"action":"end"}`, unknownToken), "ticket_id: must be"},
		"in the future":            {`{"sub":"alice","action":"end","before":"2026-11-23T12:00:06Z"}`, "before: must not be in the future"},
		"too old":                  {`{"sub":"alice","action":"end","before":"2026-11-22T11:59:59Z"}`, "before: must not be longer ago"},
		"a number as a time":       {`{"sub":"alice","action":"end","before":1764417600}`, "before: must be a time"},
		"no time":                  {`{"sub":"alice","action":"end","before":"yesterday"}`, "before: must be a time"},
		"an unknown member":        {`{"subject":"alice","action":"end"}`, "unknown member"},
		"a member twice":           {`{"sub":"alice","sub":"bob","action":"end"}`, "body: "},
		"a long session":           {`{"sid":"` + strings.Repeat("s", 1025) + `","action":"end"}`, "sid: must be at most"},
		"a long reason":            {`{"sub":"alice","action":"end","reason":"` + strings.Repeat("r", 201) + `"}`, "reason: must be at most"},
	} {
		w := h.revoke(t, "revoke-key", row.body)
		expect(t, rule, w, 400, "invalid_request")
		if !strings.Contains(detailOf(w), row.says) {
			t.Errorf("%s: the caller is told %q, want %q in it", rule, detailOf(w), row.says)
		}
	}
	expect(t, "too large", h.revoke(t, "revoke-key", `{"sub":"`+strings.Repeat("s", 5000)+`"}`), 413, "too_large")
	for _, key := range []string{"consume-key", "introspect-key", "read-key"} {
		expect(t, key, h.revoke(t, key, `{"sub":"alice","action":"end"}`), 403, "insufficient_scope")
	}
	expect(t, "a guess", h.revoke(t, "wrong-key", `{"sub":"alice","action":"end"}`), 401, "invalid_token")
	if h.events.Has(ticket.Event{Kind: ticket.EventRevoke, Action: ticket.ActionRevocation}) {
		t.Error("something was revoked")
	}
}

// A key for one audience cannot revoke, because a revocation is for all of them.
func TestRevocationsByAKeyWithAudiences(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(p *parts) {
		p.Keys = keyring(func(string) (string, []string, bool) { return "chat", []string{"revoke"}, true })
	})
	w := h.revoke(t, "chat-key", `{"sub":"alice","action":"end"}`)
	expect(t, "a key with an audience", w, 403, "insufficient_scope")
	if !strings.Contains(detailOf(w), "audiences") {
		t.Errorf("the caller is told %q, want why", detailOf(w))
	}
}

// Every accepted way to name something, and everybody.
func TestRevocationsThatAreGood(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, body := range []string{
		`{"sid":"s-1","action":"recheck"}`,
		`{"jti":"j-1","action":"end","before":"2026-11-23T11:00:00Z"}`,
		`{"jti":"j-1","action":"end","before":"2026-11-23T13:00:00.5+01:00"}`,
		fmt.Sprintf(`{"ticket_id":%q,"action":"end"}`, unknownID),
		fmt.Sprintf(`{"iss":%q,"sub":"alice","action":"end"}`, test.Issuer),
		`{"everybody":true,"action":"recheck"}`,
	} {
		expect(t, body, h.revoke(t, "every-key", body), 202, "")
	}
}

// unreachable is an api.Revoker whose store is away.
type unreachable struct{}

func (unreachable) Prepare(v ticket.Revocation) (ticket.Revocation, error) { return v, nil }

func (unreachable) Holds(ticket.Selector) bool { return false }

func (unreachable) Revoke(context.Context, ...ticket.Revocation) error { return ticket.ErrUnavailable }

func TestRevocationsWithoutTheStore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(p *parts) { p.Revoker = unreachable{} })
	w := h.revoke(t, "revoke-key", `{"sub":"alice","action":"end"}`)
	expect(t, "the store is away", w, 503, "unavailable")
	if w.Header().Get("Retry-After") == "" || !strings.Contains(detailOf(w), "in this process") {
		t.Errorf("answered %v %q, want when to repeat, and what is done", w.Header(), detailOf(w))
	}
}
