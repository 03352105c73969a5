package api_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

// issued is the answer to POST /ws-ticket, as a client reads it.
type issued struct {
	Ticket              string   `json:"ticket"`
	ID                  string   `json:"ticket_id"`
	ExpiresIn           int      `json:"expires_in"`
	ExpiresAt           string   `json:"expires_at"`
	URL                 string   `json:"url"`
	Protocols           []string `json:"protocols"`
	ConnectionExpiresAt string   `json:"connection_expires_at"`
}

func (h *house) mustIssue(t *testing.T, body string, header ...string) issued {
	t.Helper()
	w := h.post(t, body, header...)
	var answer issued
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("issue: got %d %s (%v), want 201", w.Code, w.Body, err)
	}
	return answer
}

func TestIssue(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.post(t, "")
	var answer issued
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	token, err := ticket.ParseToken(answer.Ticket)
	if err != nil {
		t.Fatalf("got %v, want a token", err)
	}
	id := string(token.ID())
	want := `{"ticket":"` + answer.Ticket + `","ticket_id":"` + id + `","expires_in":30,` +
		`"expires_at":"2026-11-23T12:00:30Z","url":"ws://api.example.com/ws?ticket=` + answer.Ticket + `",` +
		`"protocols":["wsticket.v1","ticket.` + answer.Ticket + `"],"connection_expires_at":"2026-11-23T13:00:00Z"}`
	if got := w.Body.String(); w.Code != 201 || got != want {
		t.Errorf("got  %d %s\nwant 201 %s", w.Code, got, want)
	}
	for name, value := range w.Header() {
		if strings.Contains(strings.Join(value, " "), answer.Ticket) {
			t.Errorf("header %s: got %q, want no token in any header", name, value)
		}
	}
	if got, want := w.Header().Get("Location"), "/ws-ticket/"+id; got != want {
		t.Errorf("Location: got %q, want %q", got, want)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: got %q, want application/json", got)
	}
	h.became(t, "issue", "issued", "ok")
	if e := h.last(t); string(e.TicketID) != id || e.HTTP.Route != "/ws-ticket" {
		t.Errorf("got event %+v, want the ID and /ws-ticket", e)
	}
}

// issuer is a function as an api.Issuer.
type issuer func(context.Context, ticket.Request) (ticket.Ticket, error)

func (i issuer) Issue(ctx context.Context, req ticket.Request) (ticket.Ticket, error) {
	return i(ctx, req)
}

// always issues the same ticket.
func always(tb testing.TB) issuer {
	tb.Helper()
	token := mustToken(tb, unknownToken)
	return func(context.Context, ticket.Request) (ticket.Ticket, error) {
		return ticket.Ticket{Token: token, ID: token.ID(), Lifetime: time.Second}, nil
	}
}

// TestIssueAsks: what the Issuer is asked for.
func TestIssueAsks(t *testing.T) {
	t.Parallel()
	ten := 10 * time.Second
	for _, row := range []struct {
		rule, body string
		header     []string
		want       ticket.Request
	}{
		{"no body asks for the defaults", "", nil, ticket.Request{}},
		{"an empty object too", "{}", nil, ticket.Request{}},
		{"all fields", ` {"audience":"chat","scope":"chat.read","ttl":10} `, nil, ticket.Request{Audience: "chat", Scope: "chat.read", TTL: &ten}},
		{"escapes in names and texts", `{"\u0061udience":"ch\u0061t"}`, nil, ticket.Request{Audience: "chat"}},
		{"an allowed origin is bound", "", []string{"Origin", page}, ticket.Request{Origin: page}},
		{"its default port is dropped", "", []string{"Origin", page + ":443"}, ticket.Request{Origin: page}},
	} {
		var got ticket.Request
		h := newHouse(t, func(o *parts) {
			o.Issuer = issuer(func(ctx context.Context, req ticket.Request) (ticket.Ticket, error) {
				got = req
				if _, limited := ctx.Deadline(); !limited {
					t.Errorf("%s: got no deadline, want one", row.rule)
				}
				return always(t)(ctx, req)
			})
		})
		expect(t, row.rule, h.post(t, row.body, row.header...), 201, "")
		row.want.Identity, _ = bearers("good")
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %+v, want %+v", row.rule, got, row.want)
		}
	}
}

func TestIssueBody(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule, body string
		status     int
		code       string
	}{
		{"V1 4 KiB is accepted", `{"ttl":10` + strings.Repeat(" ", 4096-10) + "}", 201, ""},
		{"V1 one byte more is not", `{"ttl":10` + strings.Repeat(" ", 4096-9) + "}", 413, "too_large"},
		{"V5 duplicate field", `{"ttl":10,"ttl":20}`, 400, "invalid_request"},
		{"V5 duplicate field, another case", `{"ttl":10,"TTL":20}`, 400, "invalid_request"},
		{"V5 unknown field", `{"admin":true}`, 400, "invalid_request"},
		{"V5 a field in another case is unknown", `{"TTL":10}`, 400, "invalid_request"},
		{"V5 depth beyond what is expected", `{"scope":{"a":1}}`, 400, "invalid_request"},
		{"V5 byte order mark", "\ufeff{}", 400, "invalid_request"},
		{"V5 two values", `{}{}`, 400, "invalid_request"},
		{"V5 an array", `[]`, 400, "invalid_request"},
		{"V5 null", `null`, 400, "invalid_request"},
		{"V6 ttl -1", `{"ttl":-1}`, 400, "invalid_request"},
		{"V6 ttl 0", `{"ttl":0}`, 400, "invalid_request"},
		{"V6 ttl 1e1", `{"ttl":1e1}`, 400, "invalid_request"},
		{"V6 ttl 1000000000", `{"ttl":1000000000}`, 400, "invalid_request"},
		{"V6 ttl as text", `{"ttl":"30"}`, 400, "invalid_request"},
		{"V6 ttl with a fraction", `{"ttl":30.5}`, 400, "invalid_request"},
		{"V6 ttl null", `{"ttl":null}`, 400, "invalid_request"},
		{"V6 ttl longer than configured", `{"ttl":31}`, 400, "invalid_request"},
		{"V6 the configured ttl", `{"ttl":30}`, 201, ""},
		{"V6 one second", `{"ttl":1}`, 201, ""},
		{"V7 audience that is not configured", `{"audience":"admin"}`, 403, "insufficient_scope"},
		{"V7 audience that is configured", `{"audience":"feed"}`, 201, ""},
		{"audience empty", `{"audience":""}`, 400, "invalid_request"},
		{"audience null", `{"audience":null}`, 400, "invalid_request"},
		{"audience as a list", `{"audience":["chat"]}`, 400, "invalid_request"},
		{"scope empty", `{"scope":""}`, 400, "invalid_request"},
		{"scope wider than the bearer's", `{"scope":"admin"}`, 403, "insufficient_scope"},
		{"scope narrower", `{"scope":"chat.read"}`, 201, ""},
		{"scope with two blanks", `{"scope":"chat.read  chat.write"}`, 400, "invalid_request"},
		{"scope with a quote", `{"scope":"a\"b"}`, 400, "invalid_request"},
	} {
		w := h.post(t, row.body)
		expect(t, row.rule, w, row.status, row.code)
		if row.status == 413 && w.Header().Get("Connection") != "close" {
			t.Errorf("%s: got Connection %q, want close: the rest is not read", row.rule, w.Header().Get("Connection"))
		}
	}
}

func TestIssueMediaType(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule   string
		body   string
		header []string
		status int
	}{
		{"the type", "{}", []string{"Content-Type", "application/json"}, 201},
		{"in capitals", "{}", []string{"Content-Type", "Application/JSON"}, 201},
		{"with the charset that it has", "{}", []string{"Content-Type", "application/json; charset=utf-8"}, 201},
		{"no type is needed for no body", "", nil, 201},
		{"V4 text/plain", "{}", []string{"Content-Type", "text/plain"}, 415},
		{"V4 a form", "ttl=10", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"V4 none", "{}", nil, 415},
		{"V4 JSON of another kind", "{}", []string{"Content-Type", "application/jwk+json"}, 415},
		{"V4 another charset", "{}", []string{"Content-Type", "application/json; charset=utf-16"}, 415},
		{"V4 two types", "{}", []string{"Content-Type", "application/json", "Content-Type", "text/plain"}, 415},
		{"V4 a type that cannot be read", "{}", []string{"Content-Type", "application/json;;=x"}, 415},
		{"V3 gzip", "\x1f\x8b", []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, 415},
		{"V3 gzip of nothing", "", []string{"Content-Encoding", "gzip"}, 415},
		{"V3 identity is none", "{}", []string{"Content-Type", "application/json", "Content-Encoding", "identity"}, 201},
	} {
		header := append([]string{"Authorization", good}, row.header...)
		w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", row.body, header...))
		code := ""
		if row.status == 415 {
			code = "unsupported_media_type"
		}
		expect(t, row.rule, w, row.status, code)
	}
}

func TestIssueLifetime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule, bearer, body string
		in                 int
		at, end            string
	}{
		{"the configured one", good, "", 30, "2026-11-23T12:00:30Z", "2026-11-23T13:00:00Z"},
		{"a shorter one", good, `{"ttl":7}`, 7, "2026-11-23T12:00:07Z", "2026-11-23T13:00:00Z"},
		{"that of the bearer, rounded down", scarce, "", 20, "2026-11-23T12:00:20Z", "2026-11-23T12:00:20Z"},
	} {
		w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", row.body, "Authorization", row.bearer, "Content-Type", "application/json"))
		var got issued
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.ExpiresIn != row.in || got.ExpiresAt != row.at || got.ConnectionExpiresAt != row.end {
			t.Errorf("%s: got %d, %s, %s, want %d, %s, %s", row.rule,
				got.ExpiresIn, got.ExpiresAt, got.ConnectionExpiresAt, row.in, row.at, row.end)
		}
	}
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", short))
	expect(t, "under 5 s of the bearer", w, 401, "invalid_token")
}

func TestIssueURL(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, public, path, parameter string // path: between commas
		tls                           bool
		want                          string // empty: no URL
	}{
		{rule: "of the request", want: "ws://api.example.com/ws?ticket="},
		{rule: "of the request over TLS", tls: true, want: "wss://api.example.com/ws?ticket="},
		{rule: "of the configuration", public: "https://edge.example.net", want: "wss://edge.example.net/ws?ticket="},
		{rule: "without TLS there, whatever here", public: "http://localhost:8080", tls: true, want: "ws://localhost:8080/ws?ticket="},
		{rule: "below a path", public: "wss://edge.example.net/live/", path: "/socket/v1", want: "wss://edge.example.net/live/socket/v1?ticket="},
		{rule: "as the path is written", path: "/socket.io/", want: "ws://api.example.com/socket.io/?ticket="},
		{rule: "at the first path that a client need not fill in", path: "/ws/{room},/live,/ws", want: "ws://api.example.com/live?ticket="},
		{rule: "where only the client knows one", path: "/ws/{room},/live/{x}/ws"},
		{rule: "with another parameter", public: "ws://localhost", parameter: "token", want: "ws://localhost/ws?token="},
	} {
		h := newHouse(t, func(o *parts) {
			o.Gate.TicketParameter = row.parameter
			if row.path != "" {
				o.WSPaths = strings.Split(row.path, ",")
			}
			if row.public != "" {
				o.PublicURL = row.public
			}
			o.WebSocket = nil
		})
		r := newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", good)
		if row.tls {
			r.TLS = &tls.ConnectionState{}
		}
		var got issued
		if err := json.Unmarshal(h.public(t, r).Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if want := row.want + got.Ticket; got.URL != want && (row.want != "" || got.URL != "") {
			t.Errorf("%s: got %s, want %s<ticket>", row.rule, strings.ReplaceAll(got.URL, got.Ticket, "<ticket>"), row.want)
		}
	}
}

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
