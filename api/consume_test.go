package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"

	"wsticket/api"
	"wsticket/ticket"
)

const inactive = `{"active":false}`

// unknownToken is well formed, and nobody has issued it.
const unknownToken = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht"

// redeemer is functions as an api.Redeemer.
type redeemer struct {
	redeem     func(context.Context, ticket.Token, ticket.Presentation) (ticket.Grant, error)
	introspect func(context.Context, ticket.Token) (ticket.Grant, error)
}

func (r redeemer) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	return r.redeem(ctx, token, p)
}

func (r redeemer) Introspect(ctx context.Context, token ticket.Token) (ticket.Grant, error) {
	return r.introspect(ctx, token)
}

// failing answers everything with err.
func failing(err error) redeemer {
	return redeemer{
		func(context.Context, ticket.Token, ticket.Presentation) (ticket.Grant, error) {
			return ticket.Grant{}, err
		},
		func(context.Context, ticket.Token) (ticket.Grant, error) { return ticket.Grant{}, err },
	}
}

// granting grants everything to who, and notes how it was presented.
func granting(who ticket.Identity, seen *ticket.Presentation) redeemer {
	grant := func(token ticket.Token, audience string) ticket.Grant {
		return ticket.Grant{ID: token.ID(), Identity: who, Audience: audience, Scope: who.Scope, ConnectionExpiresAt: who.ExpiresAt}
	}
	return redeemer{
		func(_ context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
			*seen = p
			return grant(token, "chat"), nil
		},
		func(_ context.Context, token ticket.Token) (ticket.Grant, error) { return grant(token, "chat"), nil },
	}
}

func TestConsume(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, "", "Origin", page)
	body := `{"ticket":"` + made.Ticket + `","origin":"` + page + `:443"}`
	w := h.consume(t, body)
	want := `{"active":true,"ticket_id":"` + made.ID + `","iss":"https://id.example.com","sub":"alice","aud":"chat",` +
		`"scope":"chat.read chat.write","connection_expires_at":"2026-11-23T13:00:00Z"}`
	if got := w.Body.String(); w.Code != 200 || got != want {
		t.Errorf("got  %d %s\nwant 200 %s", w.Code, got, want)
	}
	if got := h.last(t); got.TicketID != made.ID || got.Outcome != "redeemed" || got.Reason != "ok" || got.Door != "" {
		t.Errorf("got entry %+v, want the ID, redeemed, ok", got)
	}
	if w := h.consume(t, body); w.Code != 200 || w.Body.String() != inactive {
		t.Errorf("again: got %d %s, want 200 %s", w.Code, w.Body, inactive)
	}
	if got := h.last(t); got.Outcome != "refused" || got.Reason != "spent" || got.Status != 200 {
		t.Errorf("got entry %+v, want refused, spent, 200", got)
	}
}

// TestConsumeTellsAll: every field of the answer.
func TestConsumeTellsAll(t *testing.T) {
	t.Parallel()
	who := ticket.Identity{
		Issuer: "https://id", Subject: "a<b>", SessionID: "s-1", TokenID: "j-1", Scope: "x",
		Claims: map[string]any{"email": "a@example.com", "groups": []any{"g", 1.5}}, ExpiresAt: noon().Add(1500e6),
	}
	var p ticket.Presentation
	h := newHouse(t, func(o *api.Options) { o.Redeemer = granting(who, &p) })
	want := `{"active":true,"ticket_id":"` + string(mustToken(t, unknownToken).ID()) + `","iss":"https://id","sub":"a\u003cb\u003e","sid":"s-1","aud":"chat",` +
		`"scope":"x","claims":{"email":"a@example.com","groups":["g",1.5]},"connection_expires_at":"2026-11-23T12:00:01Z"}`
	if got := h.consume(t, `{"ticket":"`+unknownToken+`"}`).Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func mustToken(t *testing.T, text string) ticket.Token {
	t.Helper()
	token, err := ticket.ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestConsumePresents tells what the ticket is redeemed with.
func TestConsumePresents(t *testing.T) {
	t.Parallel()
	var got ticket.Presentation
	h := newHouse(t, func(o *api.Options) { o.Redeemer = granting(ticket.Identity{}, &got) })
	send := func(fields, key string) ticket.Presentation {
		r := newRequest(t, http.MethodPost, "/consume", `{"ticket":"`+unknownToken+`"`+fields+`}`,
			"Authorization", "Bearer "+key, "Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.Internal().ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("%s: got %d %s, want 200", fields, w.Code, w.Body)
		}
		return got
	}
	if got, want := send("", "consume-key"), (ticket.Presentation{Transport: "consume"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	all := send(`,"audience":"feed","origin":"http://localhost:5173","client_ip":"::ffff:192.0.2.9","attempt":"a"`, "consume-key")
	want := ticket.Presentation{
		Transport: "consume", Audience: "feed", Origin: "http://localhost:5173",
		ClientIP: netip.MustParseAddr("192.0.2.9"), Attempt: all.Attempt,
	}
	if all != want || len(all.Attempt) != 22 {
		t.Errorf("got %+v, want %+v with an attempt", all, want)
	}
	attempt := func(name, key string) string { return send(`,"attempt":"`+name+`"`, key).Attempt }
	if attempt("a", "consume-key") != all.Attempt {
		t.Error("the same attempt has two names")
	}
	for rule, other := range map[string]string{
		"another attempt":                            attempt("b", "consume-key"),
		"another caller's of the same name":          attempt("a", "every-key"),
		"one that looks as if the caller were in it": attempt("a_key:for-consume", "every-key"),
	} {
		if other == all.Attempt {
			t.Errorf("%s has the same name", rule)
		}
	}
}

// TestConsumeRefusesAlike: whatever is wrong with a ticket, the answer is the
// same bytes under the same headers.
func TestConsumeRefusesAlike(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	spent, bound, feed := h.mustIssue(t, ""), h.mustIssue(t, "", "Origin", page), h.mustIssue(t, `{"audience":"feed"}`)
	h.consume(t, `{"ticket":"`+spent.Ticket+`"}`)
	revoked := h.mustIssue(t, "")
	h.public(t, newRequest(t, http.MethodDelete, "/ws-ticket/"+revoked.ID, "", "Authorization", good))
	var want http.Header
	for _, row := range []struct{ rule, fields, reason string }{
		{"unknown", `"ticket":"` + unknownToken + `"`, "not_found"},
		{"spent", `"ticket":"` + spent.Ticket + `"`, "spent"},
		{"revoked", `"ticket":"` + revoked.Ticket + `"`, "revoked"},
		{"for another audience", `"ticket":"` + feed.Ticket + `"`, "wrong_audience"},
		{"from no origin", `"ticket":"` + bound.Ticket + `"`, "wrong_origin"},
		{"from a foreign origin", `"ticket":"` + unknownToken + `","origin":"https://evil.example"`, "origin_not_allowed"},
		{"no token", `"ticket":"x"`, "malformed"},
		{"a token with a blank", `"ticket":"` + unknownToken + ` "`, "malformed"},
		{"a token with an escape", `"ticket":"%77` + unknownToken[1:] + `"`, "malformed"},
		{"a JWT", `"ticket":"` + jwt + `"`, "malformed"},
		{"a wrong checksum", `"ticket":"` + unknownToken[:53] + `x"`, "malformed"},
	} {
		w := h.consume(t, "{"+row.fields+"}")
		header := maps.Clone(w.Header())
		header.Del("X-Request-Id")
		if want == nil {
			want = header
		}
		if w.Code != 200 || w.Body.String() != inactive || fmt.Sprint(header) != fmt.Sprint(want) {
			t.Errorf("%s: got %d %s %v, want 200 %s %v", row.rule, w.Code, w.Body, header, inactive, want)
		}
		if got := h.last(t); got.Reason != row.reason || got.Outcome != "refused" {
			t.Errorf("%s: got entry %+v, want refused, %s", row.rule, got, row.reason)
		}
	}
	// Those that leave the ticket alone, and those that spend it.
	if w := h.consume(t, `{"ticket":"`+feed.Ticket+`","audience":"feed"}`); w.Body.String() != inactive {
		t.Errorf("after another audience: got %s, want it spent", w.Body)
	}
	fresh := h.mustIssue(t, "", "Origin", page)
	h.consume(t, `{"ticket":"`+fresh.Ticket+`","origin":"https://evil.example"}`)
	if w := h.consume(t, `{"ticket":"`+fresh.Ticket+`","origin":"`+page+`"}`); !strings.HasPrefix(w.Body.String(), `{"active":true`) {
		t.Errorf("after a foreign origin: got %s, want it good still", w.Body)
	}
}

// TestConsumeBodies: V1 to V5 and what else is no request. None of them
// touches the ticket.
func TestConsumeBodies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, "").Ticket
	field := `"ticket":"` + made + `"`
	const kind = "application/json"
	for _, row := range []struct {
		rule, kind, body string
		status           int
		code             string
	}{
		{"nothing", kind, "", 400, "invalid_request"},
		{"nothing of no type", "", "", 400, "invalid_request"},
		{"no object", kind, `"` + made + `"`, 400, "invalid_request"},
		{"a list", kind, `[{` + field + `}]`, 400, "invalid_request"},
		{"null", kind, `null`, 400, "invalid_request"},
		{"an empty object", kind, `{}`, 400, "invalid_request"},
		{"no ticket", kind, `{"attempt":"a"}`, 400, "invalid_request"},
		{"an empty ticket", kind, `{"ticket":""}`, 400, "invalid_request"},
		{"a number", kind, `{"ticket":1}`, 400, "invalid_request"},
		{"a ticket in a list", kind, `{"ticket":["` + made + `"]}`, 400, "invalid_request"},
		{"a ticket in an object", kind, `{"ticket":{"a":"` + made + `"}}`, 400, "invalid_request"},
		{"two tickets", kind, `{` + field + `,` + field + `}`, 400, "invalid_request"},
		{"two that differ in case", kind, `{` + field + `,"Ticket":"x"}`, 400, "invalid_request"},
		{"two by an escape", kind, `{` + field + `,"tick\u0065t":"x"}`, 400, "invalid_request"},
		{"in another case", kind, `{"Ticket":"` + made + `"}`, 400, "invalid_request"},
		{"by RFC 7662's name", kind, `{"token":"` + made + `"}`, 400, "invalid_request"},
		{"an unknown field", kind, `{` + field + `,"ttl":1}`, 400, "invalid_request"},
		{"something behind", kind, `{` + field + `}{}`, 400, "invalid_request"},
		{"a byte order mark", kind, "\ufeff{" + field + "}", 400, "invalid_request"},
		{"no UTF-8", kind, "{\"ticket\":\"\xff\"}", 400, "invalid_request"},
		{"UTF-16", kind, "{\x00}\x00", 400, "invalid_request"},
		{"half a surrogate", kind, `{"ticket":"\ud800"}`, 400, "invalid_request"},
		{"an attempt of 65", kind, `{` + field + `,"attempt":"` + strings.Repeat("a", 65) + `"}`, 400, "invalid_request"},
		{"an empty attempt", kind, `{` + field + `,"attempt":""}`, 400, "invalid_request"},
		{"an attempt with a blank", kind, `{` + field + `,"attempt":"a b"}`, 400, "invalid_request"},
		{"an attempt with a new line", kind, `{` + field + `,"attempt":"a\n"}`, 400, "invalid_request"},
		{"an attempt beyond ASCII", kind, `{` + field + `,"attempt":"ä"}`, 400, "invalid_request"},
		{"an audience that nobody has configured", kind, `{` + field + `,"audience":"other"}`, 400, "invalid_request"},
		{"an audience of null", kind, `{` + field + `,"audience":null}`, 400, "invalid_request"},
		{"an empty origin", kind, `{` + field + `,"origin":""}`, 400, "invalid_request"},
		{"an address that is none", kind, `{` + field + `,"client_ip":"localhost"}`, 400, "invalid_request"},
		{"an address with a port", kind, `{` + field + `,"client_ip":"192.0.2.1:80"}`, 400, "invalid_request"},
		{"an address with a zone", kind, `{` + field + `,"client_ip":"fe80::1%eth0"}`, 400, "invalid_request"},
		{"more than 4 KiB", kind, `{` + field + strings.Repeat(" ", 4096) + `}`, 413, "too_large"},
		{"deeper than anything", kind, strings.Repeat("[", 2000), 400, "invalid_request"},
		{"no type", "", `{` + field + `}`, 415, "unsupported_media_type"},
		{"a form", "application/x-www-form-urlencoded", "ticket=" + made, 415, "unsupported_media_type"},
		{"JSON that says it is a form", "application/x-www-form-urlencoded", `{` + field + `}`, 415, "unsupported_media_type"},
		{"text", "text/plain", `{` + field + `}`, 415, "unsupported_media_type"},
		{"a kind of JSON", "application/problem+json", `{` + field + `}`, 415, "unsupported_media_type"},
		{"another charset", "application/json; charset=utf-16", `{` + field + `}`, 415, "unsupported_media_type"},
	} {
		r := newRequest(t, http.MethodPost, "/consume", row.body, "Authorization", "Bearer consume-key")
		if row.kind != "" {
			r.Header.Set("Content-Type", row.kind)
		}
		expect(t, row.rule, h.internal(t, r), row.status, row.code)
	}
	w := h.consume(t, "{"+field+"}", "Content-Encoding", "gzip")
	expect(t, "an encoding", w, 415, "unsupported_media_type")
	if w := h.consume(t, "{"+field+"}"); !strings.HasPrefix(w.Body.String(), `{"active":true`) {
		t.Errorf("after all of it: got %s, want the ticket to be good still", w.Body)
	}
}

// TestConsumeVectors: the requests that clients in other languages are held
// to as well.
func TestConsumeVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../testdata/vectors/consume.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Requests []struct {
			Rule, Body, Code, Answer string
			ContentType              string `json:"content_type"`
			Status                   int
		}
	}
	if err := json.Unmarshal(data, &file); err != nil || len(file.Requests) == 0 {
		t.Fatalf("got %d requests, %v", len(file.Requests), err)
	}
	h := newHouse(t, nil)
	for _, row := range file.Requests {
		r := newRequest(t, http.MethodPost, "/consume", row.Body, "Authorization", "Bearer consume-key", "Content-Type", row.ContentType)
		w := h.internal(t, r)
		expect(t, row.Rule, w, row.Status, row.Code)
		if row.Answer != "" && w.Body.String() != row.Answer {
			t.Errorf("%s: got %s, want %s", row.Rule, w.Body, row.Answer)
		}
	}
}

func TestConsumeMethods(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/consume", "/introspect"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post"} {
			w := h.internal(t, newRequest(t, method, path, "", "Authorization", "Bearer every-key", "X-Http-Method-Override", "POST"))
			expect(t, method+" "+path, w, 405, "method_not_allowed")
			if got := w.Header().Get("Allow"); got != "POST" {
				t.Errorf("%s %s: got Allow %q, want POST", method, path, got)
			}
		}
	}
}

func TestConsumeWithoutTheStore(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err    error
		status int
		code   string
		after  string
	}{
		{ticket.ErrUnavailable, 503, "unavailable", "1"},
		{fmt.Errorf("consume: %w", context.DeadlineExceeded), 503, "unavailable", "1"},
		{ticket.ErrFull, 503, "unavailable", "5"},
		{ticket.ErrExists, 500, "internal", ""},
		{errors.New("anything"), 500, "internal", ""},
	} {
		h := newHouse(t, func(o *api.Options) { o.Redeemer = failing(row.err) })
		for path, w := range map[string]*httptest.ResponseRecorder{
			"/consume":    h.consume(t, `{"ticket":"`+unknownToken+`"}`),
			"/introspect": h.introspect(t, "token="+unknownToken),
		} {
			expect(t, fmt.Sprint(path, row.err), w, row.status, row.code)
			if got := w.Header().Get("Retry-After"); got != row.after {
				t.Errorf("%s: %v: got Retry-After %q, want %q", path, row.err, got, row.after)
			}
		}
	}
}

// FuzzConsumeBody: a body is refused for its shape or its ticket, and never
// spends another ticket than the one that it names, nor is it a fault.
func FuzzConsumeBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"ticket":"` + unknownToken + `"}`, `{"ticket":"x","attempt":"a"}`, `{"ticket":"x","audience":"feed"}`,
		`{"ticket":"x","origin":"https://app.example.com","client_ip":"::1"}`, `{"ticket":"x","ticket":"y"}`, `{"ticket":null}`, "\ufeff{}",
	} {
		f.Add([]byte(seed))
	}
	h := newHouse(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		h.Internal().ServeHTTP(w, newRequest(t, http.MethodPost, "/consume", string(body),
			"Authorization", "Bearer consume-key", "Content-Type", "application/json"))
		switch w.Code {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		case http.StatusOK:
			if w.Body.String() != inactive {
				t.Errorf("%q: got %s, want %s: nothing was issued", body, w.Body, inactive)
			}
		default:
			t.Errorf("%q: got %d, want 200, 400 or 413", body, w.Code)
		}
	})
}
