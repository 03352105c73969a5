package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestIntrospect(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, `{"audience":"feed"}`, "Origin", page)
	want := `{"active":true,"consumed":false,"ticket_id":"` + made.ID + `","iss":"https://id.example.com","sub":"alice","sid":"s-alice","aud":"feed",` +
		`"scope":"chat.read chat.write","claims":{"email":"alice@example.com"},"connection_expires_at":"2026-11-23T13:00:00Z"}`
	for range 3 {
		if w := h.introspect(t, "token="+made.Ticket); w.Code != 200 || w.Body.String() != want {
			t.Errorf("got  %d %s\nwant 200 %s", w.Code, w.Body, want)
		}
	}
	h.became(t, "introspect", "read", "ok")
	if got := h.last(t).TicketID; string(got) != made.ID {
		t.Errorf("got event of %s, want of %s", got, made.ID)
	}
	body := `{"ticket":"` + made.Ticket + `","audience":"feed","origin":"` + page + `"}`
	h.redeems(t, "consume after it", body)
}

func TestIntrospectRefusesAlike(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	spent := h.mustIssue(t, "")
	h.consume(t, `{"ticket":"`+spent.Ticket+`"}`)
	for _, row := range []struct{ rule, form, reason string }{
		{"unknown", "token=" + unknownToken, "not_found"},
		{"spent", "token=" + spent.Ticket, "spent"},
		{"no token", "token=x", "malformed"},
		{"a JWT", "token=" + jwt, "malformed"},
	} {
		w := h.introspect(t, row.form)
		if got, want := w.Body.String(), `{"active":false,"consumed":false}`; w.Code != 200 || got != want {
			t.Errorf("%s: got %d %s, want 200 %s", row.rule, w.Code, got, want)
		}
		h.became(t, row.rule, "refused", row.reason)
	}
}

func TestIntrospectForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, "").Ticket
	const kind = "application/x-www-form-urlencoded"
	for _, row := range []struct {
		rule, kind, body string
		status           int
		code             string
	}{
		{"a hint is ignored (RFC 7662 2.1)", kind, "token_type_hint=x&token=" + made, 200, ""},
		{"what nobody knows is ignored", kind, "a=b&token=" + made, 200, ""},
		{"a form may escape", kind, "token=%77" + made[1:], 200, ""},
		{"its charset may be said", kind + "; charset=UTF-8", "token=" + made, 200, ""},
		{"two tokens", kind, "token=" + made + "&token=" + made, 400, "invalid_request"},
		{"two by an escape", kind, "token=" + made + "&%74oken=x", 400, "invalid_request"},
		{"an escape that is none", kind, "a=%zz&token=" + made, 400, "invalid_request"},
		{"an empty token", kind, "token=", 400, "invalid_request"},
		{"no token", kind, "ticket=" + made, 400, "invalid_request"},
		{"in another case", kind, "Token=" + made, 400, "invalid_request"},
		{"nothing", kind, "", 400, "invalid_request"},
		{"JSON", "application/json", `{"token":"` + made + `"}`, 415, "unsupported_media_type"},
		{"no type", "", "token=" + made, 415, "unsupported_media_type"},
		{"more than 4 KiB", kind, "a=" + strings.Repeat("b", 4096), 413, "too_large"},
	} {
		r := newRequest(t, http.MethodPost, "/introspect", row.body, "Authorization", "Bearer introspect-key")
		if row.kind != "" {
			r.Header.Set("Content-Type", row.kind)
		}
		expect(t, row.rule, h.internal(t, r), row.status, row.code)
	}
}
