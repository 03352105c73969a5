package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

const inactive = `{"active":false}`

func TestConsume(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, "", "Origin", page)
	body := `{"ticket":"` + made.Ticket + `","origin":"` + page + `:443"}`
	w := h.consume(t, body)
	want := `{"active":true,"ticket_id":"` + made.ID + `","iss":"https://id.example.com","sub":"alice","sid":"s-alice","aud":"chat",` +
		`"scope":"chat.read chat.write","claims":{"email":"alice@example.com"},"connection_expires_at":"2026-11-23T13:00:00Z"}`
	if got := w.Body.String(); w.Code != 200 || got != want {
		t.Errorf("got  %d %s\nwant 200 %s", w.Code, got, want)
	}
	h.became(t, "consume", "redeemed", "ok")
	if got := h.last(t); string(got.TicketID) != made.ID || got.Presentation.Door != "" || got.Request.Caller != "key:for-consume" {
		t.Errorf("got event %+v, want the ID and the caller", got)
	}
	if w := h.consume(t, body); w.Code != 200 || w.Body.String() != inactive {
		t.Errorf("again: got %d %s, want 200 %s", w.Code, w.Body, inactive)
	}
	h.became(t, "again", "refused", "spent")
}

// TestConsumeAgain: within the retry window the same attempt gets the same answer
// again. The address of the client is part of the attempt.
func TestConsumeAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.RetryWindow = 5 * time.Second })
	made := h.mustIssue(t, "").Ticket
	ask := func(address string) string {
		return h.consume(t, `{"ticket":"`+made+`","attempt":"a","client_ip":"`+address+`"}`).Body.String()
	}
	first := ask("192.0.2.1")
	for _, row := range []struct{ rule, address, want string }{
		{"the same client", "192.0.2.1", first},
		{"the same client in another spelling", "::ffff:192.0.2.1", first},
		{"another client", "192.0.2.2", inactive},
		{"the same client, after a replay", "192.0.2.1", first},
	} {
		if got := ask(row.address); got != row.want || first == inactive {
			t.Errorf("%s: got %s, want %s", row.rule, got, row.want)
		}
	}
	var got []string
	for _, e := range h.events.All() {
		if e.Action == ticket.ActionRedeem {
			got = append(got, fmt.Sprint(e.Kind, " ", e.Retried, " ", e.Presentation.ClientIP, " ", e.Request.Caller))
		}
	}
	const caller = " key:for-consume"
	if want := []string{
		"redeem false 192.0.2.1" + caller, "redeem true 192.0.2.1" + caller, "redeem true 192.0.2.1" + caller,
		"replay false 192.0.2.2" + caller, "redeem true 192.0.2.1" + caller,
	}; !slices.Equal(got, want) {
		t.Errorf("got events %q, want %q", got, want)
	}
}

// TestConsumePresents: what the ticket is redeemed with.
func TestConsumePresents(t *testing.T) {
	t.Parallel()
	var got ticket.Presentation
	h := newHouse(t, func(o *parts) { o.Gate.Redeemer = granting(&got) })
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
	if got, want := send("", "consume-key"), (ticket.Presentation{Door: "consume", Audience: "chat"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	all := send(`,"audience":"feed","origin":"http://localhost:5173","client_ip":"::ffff:192.0.2.9","attempt":"a"`, "consume-key")
	want := ticket.Presentation{
		Door: "consume", Audience: "feed", Origin: "http://localhost:5173",
		ClientIP: netip.MustParseAddr("192.0.2.9"), Attempt: all.Attempt,
	}
	if all != want || len(all.Attempt) != 22 {
		t.Errorf("got %+v, want %+v with an attempt", all, want)
	}
	attempt := func(name, key string) string {
		return send(`,"client_ip":"192.0.2.9","attempt":"`+name+`"`, key).Attempt
	}
	if attempt("a", "consume-key") != all.Attempt {
		t.Error("the same attempt has two names")
	}
	for rule, other := range map[string]string{
		"another attempt":                            attempt("b", "consume-key"),
		"another caller's of the same name":          attempt("a", "every-key"),
		"one that looks as if the caller were in it": attempt("a_key:for-consume", "every-key"),
		"that of no known client":                    send(`,"attempt":"a"`, "consume-key").Attempt,
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
		h.became(t, row.rule, "refused", row.reason)
	}
	// A wrong audience spends the ticket, a foreign origin does not.
	if w := h.consume(t, `{"ticket":"`+feed.Ticket+`","audience":"feed"}`); w.Body.String() != inactive {
		t.Errorf("after another audience: got %s, want it spent", w.Body)
	}
	fresh := h.mustIssue(t, "", "Origin", page)
	h.consume(t, `{"ticket":"`+fresh.Ticket+`","origin":"https://evil.example"}`)
	if got := h.last(t).TicketID; string(got) != fresh.ID {
		t.Errorf("a foreign origin: the log names the ticket %q, want %q", got, fresh.ID)
	}
	h.redeems(t, "after a foreign origin", `{"ticket":"`+fresh.Ticket+`","origin":"`+page+`"}`)
}

// TestConsumeBodies: malformed requests do not spend the ticket (V1 to V5).
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
		{"nothing of no type", "", "", 400, "invalid_request"},
		{"no object", kind, `"` + made + `"`, 400, "invalid_request"},
		{"an empty object", kind, `{}`, 400, "invalid_request"},
		{"an empty ticket", kind, `{"ticket":""}`, 400, "invalid_request"},
		{"two tickets", kind, `{` + field + `,` + field + `}`, 400, "invalid_request"},
		{"by RFC 7662's name", kind, `{"token":"` + made + `"}`, 400, "invalid_request"},
		{"a byte order mark", kind, "\ufeff{" + field + "}", 400, "invalid_request"},
		{"an attempt of 65", kind, `{` + field + `,"attempt":"` + strings.Repeat("a", 65) + `"}`, 400, "invalid_request"},
		{"an empty attempt", kind, `{` + field + `,"attempt":""}`, 400, "invalid_request"},
		{"an attempt beyond ASCII", kind, `{` + field + `,"attempt":"ä"}`, 400, "invalid_request"},
		{"an audience of null", kind, `{` + field + `,"audience":null}`, 400, "invalid_request"},
		{"an address that is none", kind, `{` + field + `,"client_ip":"localhost"}`, 400, "invalid_request"},
		{"an address with a zone", kind, `{` + field + `,"client_ip":"fe80::1%eth0"}`, 400, "invalid_request"},
		{"more than 4 KiB", kind, `{` + field + strings.Repeat(" ", 4096) + `}`, 413, "too_large"},
		{"no type", "", `{` + field + `}`, 415, "unsupported_media_type"},
	} {
		r := newRequest(t, http.MethodPost, "/consume", row.body, "Authorization", "Bearer consume-key")
		if row.kind != "" {
			r.Header.Set("Content-Type", row.kind)
		}
		expect(t, row.rule, h.internal(t, r), row.status, row.code)
	}
	w := h.consume(t, "{"+field+"}", "Content-Encoding", "gzip")
	expect(t, "an encoding", w, 415, "unsupported_media_type")
	h.redeems(t, "after all of it", "{"+field+"}")
}

// TestConsumeVectors: the requests that clients in other languages share.
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

// FuzzConsumeBody: every body is malformed or about an unknown ticket, and none is
// a fault of the service.
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
