package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/ticket"
)

const (
	socketKey = "dGhlIHNhbXBsZSBub25jZQ=="
	proxyAddr = "10.0.0.1:4711" // of a trusted proxy
)

// asker describes how one proxy asks: which headers it sets.
type asker struct {
	path, method, uri, requestID string
	// coarse: every status but 200 and 401 becomes 403.
	coarse bool
}

func askers() map[string]asker {
	return map[string]asker{
		"nginx":   {"/auth/nginx", "X-Original-Method", "X-Original-Uri", "X-Request-Id", true},
		"traefik": {"/auth/traefik", "X-Forwarded-Method", "X-Forwarded-Uri", "", false},
		"caddy":   {"/auth/caddy", "X-Forwarded-Method", "X-Forwarded-Uri", "X-Request-Id", false},
		"haproxy": {"/auth/haproxy", "X-Forwarded-Method", "X-Forwarded-Uri", "X-Request-Id", false},
		"envoy":   {"/auth/envoy", "", "", "X-Request-Id", false},
	}
}

// ask returns the question of a trusted proxy about a good handshake for uri, of a
// client at 203.0.113.5 with the given headers.
func (a asker) ask(t testing.TB, uri string, header ...string) *http.Request {
	t.Helper()
	target := a.path
	if a.uri == "" {
		target += uri
	}
	header = append([]string{"Sec-Websocket-Key", socketKey, "Sec-Websocket-Version", "13", "X-Forwarded-For", "203.0.113.5"}, header...)
	r := newRequest(t, http.MethodGet, "/", "", header...)
	r.URL, r.RequestURI = mustURL(t, target), target
	r.RemoteAddr, r.Host = proxyAddr, "wsticket:8081"
	if a.uri == "" {
		r.Host = host
	} else {
		for name, value := range map[string]string{a.method: "GET", a.uri: uri, "X-Forwarded-Host": host, "X-Forwarded-Proto": "https"} {
			r.Header.Set(name, value)
		}
	}
	if a.requestID != "" {
		r.Header.Set(a.requestID, "request-1")
	}
	return r
}

// denied checks a refusal, with the status that the proxy accepts.
func (a asker) denied(t testing.TB, rule string, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	if a.coarse && status != http.StatusUnauthorized {
		status = http.StatusForbidden
	}
	expect(t, rule, w, status, code)
	if got := w.Header().Get("X-Wsticket-Error"); got != code {
		t.Errorf("%s: got X-Wsticket-Error %q, want %q", rule, got, code)
	}
	for name := range w.Header() {
		if name == "X-Wsticket-Id" || name == "X-Wsticket-Expires" {
			t.Errorf("%s: got %s on a denial", rule, name)
		}
	}
}

// everyAsker runs do for each proxy.
func everyAsker(t *testing.T, do func(t *testing.T, a asker)) {
	t.Helper()
	for name, a := range askers() {
		t.Run(name, func(t *testing.T) { do(t, a) })
	}
}

func TestForwardAllows(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, nil)
		made := h.mustIssue(t, "", "Origin", page)
		ask := func() *http.Request { return a.ask(t, "/ws?room=1&ticket="+made.Ticket, "Origin", page) }
		w := h.internal(t, ask())
		if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "0" {
			t.Fatalf("got %d %s, want 200 and nothing", w.Code, w.Body)
		}
		if got := w.Header(); got.Get("X-Wsticket-Id") != made.ID || got.Get("X-Wsticket-Expires") != "2026-11-23T13:00:00Z" ||
			got.Get("X-Wsticket-Error") != "" {
			t.Errorf("got headers %v, want the ID and the end", got)
		}
		route := a.path
		if a.uri == "" {
			route += "/*"
		}
		h.became(t, "good", "allowed", "ok")
		if got := h.last(t); got.HTTP.Route != route || got.Presentation.Door != "query" || string(got.TicketID) != made.ID {
			t.Errorf("got event %+v, want %s, query", got, route)
		}
		if e, ok := h.events.Find(test.Kind(ticket.EventRedeem)); !ok || e.Request.ID == "" || e.Request.ClientIP.String() != "203.0.113.5" {
			t.Errorf("got event %+v, want the request, and the proxy's client", e)
		}
		a.denied(t, "again", h.internal(t, ask()), 401, "invalid_ticket")
		h.became(t, "again", "refused", "spent")
	})
}

// TestForwardDoors: the credential is taken from what the proxy passes on.
func TestForwardDoors(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, func(o *parts) {
			o.Gate.Doors = []ticket.Door{
				ticket.DoorQuery, ticket.DoorSubprotocol, ticket.DoorHeader, ticket.DoorCookie, ticket.DoorFirstMessage,
			}
			o.Gate.Sessions, o.Gate.SessionCookie = authenticate(bearers), "sid"
		})
		made := func() string { return h.mustIssue(t, "").Ticket }
		for _, row := range []struct {
			rule, uri, door string
			header          []string
			status          int
			code            string
		}{
			{"a ticket in the query", "/ws?ticket=" + made(), "query", nil, 200, ""},
			{"a ticket among the subprotocols", "/ws", "subprotocol", []string{"Sec-Websocket-Protocol", "chat.v2, ticket." + made()}, 200, ""},
			{"a ticket in the header", "/ws", "header", []string{"Authorization", "Ticket " + made()}, 200, ""},
			{"a bearer in the header", "/ws", "header", []string{"Authorization", good}, 200, ""},
			{"a session cookie", "/ws", "cookie", []string{"Cookie", "a=b; sid=good", "Origin", page}, 200, ""},
			{"a session cookie of no page", "/ws", "cookie", []string{"Cookie", "sid=good"}, 403, "origin_not_allowed"},
			{"a bad session cookie", "/ws", "cookie", []string{"Cookie", "sid=bad", "Origin", page}, 401, "invalid_token"},
			{"a session cookie twice", "/ws", "cookie", []string{"Cookie", "sid=good; sid=good", "Origin", page}, 200, ""},
			{"two session cookies", "/ws", "cookie", []string{"Cookie", "sid=good; sid=x", "Origin", page}, 401, "invalid_token"},
			{"a bad bearer", "/ws", "header", []string{"Authorization", "Bearer bad"}, 401, "invalid_token"},
			{"nothing", "/ws", "", nil, 401, "missing_credential"},
			{"an unknown ticket", "/ws?ticket=" + unknownToken, "query", nil, 401, "invalid_ticket"},
			{"a ticket that is none", "/ws?ticket=x", "query", nil, 401, "invalid_ticket"},
			{"two tickets", "/ws?ticket=" + made() + "&ticket=" + made(), "", nil, 400, "invalid_request"},
			{"an escaped name", "/ws?%74icket=" + made(), "", nil, 400, "invalid_request"},
			{"a ticket in two places", "/ws?ticket=" + made(), "", []string{"Authorization", "Ticket " + made()}, 400, "invalid_request"},
			{"a ticket and a cookie, which does not count", "/ws?ticket=" + made(), "query", []string{"Cookie", "sid=bad", "Origin", page}, 200, ""},
			{"a JWT in the query", "/ws?x=" + jwt, "", nil, 400, "credential_in_url"},
			{"a ticket in the path", "/ws/" + made(), "", nil, 401, "missing_credential"},
			{"one beside the ticket", "/ws/" + made() + "?ticket=" + made(), "query", nil, 400, "credential_in_url"},
			{"a JWT in the path", "/ws/" + jwt + "?ticket=" + made(), "query", nil, 400, "credential_in_url"},
			{"a ticket and no other subprotocol", "/ws", "", []string{"Sec-Websocket-Protocol", "ticket." + made()}, 400, "invalid_request"},
		} {
			w := h.internal(t, a.ask(t, row.uri, row.header...))
			if row.status == 200 {
				expect(t, row.rule, w, 200, "")
			} else {
				a.denied(t, row.rule, w, row.status, row.code)
			}
			challenge := readVectors(t)[row.code].WWWAuthenticate
			if row.code == "missing_credential" {
				challenge = `Ticket realm="wsticket"`
			}
			if got := w.Header().Values("WWW-Authenticate"); strings.Join(got, "|") != challenge {
				t.Errorf("%s: got WWW-Authenticate %q, want %q", row.rule, got, challenge)
			}
			if got := h.last(t).Presentation.Door; string(got) != row.door {
				t.Errorf("%s: got door %q, want %q", row.rule, got, row.door)
			}
		}
		closed := newHouse(t, func(o *parts) { o.Gate.Doors = []ticket.Door{ticket.DoorHeader} })
		w := closed.internal(t, a.ask(t, "/ws?ticket="+unknownToken))
		a.denied(t, "a closed door", w, 401, "missing_credential")
		closed.became(t, "a closed door", "refused", "closed_door")
		if e, ok := closed.events.Find(test.Kind(ticket.EventRefuse)); !ok || e.Action != ticket.ActionHandshake || e.Presentation.Door != ticket.DoorQuery {
			t.Errorf("a closed door: got event %+v, want a refused handshake", e)
		}
		w = closed.internal(t, a.ask(t, "/ws", "Cookie", "sid=good", "Origin", page))
		a.denied(t, "cookies that nobody knows", w, 401, "missing_credential")
	})
}

// TestForwardHandshake: a malformed handshake, and one from a foreign page or to
// another host, does not spend the ticket (R19, R20, R39 to R42).
func TestForwardHandshake(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, nil)
		made := h.mustIssue(t, "", "Origin", page).Ticket
		set := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		method := func(m string) func(*http.Request) {
			if a.method == "" {
				return func(r *http.Request) { r.Method = m }
			}
			return set(a.method, m)
		}
		hostIs := func(name string) func(*http.Request) {
			if a.uri == "" {
				return func(r *http.Request) { r.Host = name }
			}
			return set("X-Forwarded-Host", name)
		}
		for _, row := range []struct {
			rule   string
			edit   func(*http.Request)
			status int
			code   string
		}{
			{"HEAD", method("HEAD"), 400, "invalid_request"},
			{"POST", method("POST"), 400, "invalid_request"},
			{"a link that somebody follows", func(r *http.Request) { r.Header.Del("Sec-Websocket-Key") }, 400, "invalid_request"},
			{"two keys", func(r *http.Request) { r.Header.Add("Sec-Websocket-Key", socketKey) }, 400, "invalid_request"},
			{"another version", set("Sec-Websocket-Version", "8"), 400, "invalid_request"},
			{"another host", hostIs("evil.example"), 421, "host_not_allowed"},
			{"our own name, which is not public", hostIs("wsticket"), 421, "host_not_allowed"},
			{"an address", hostIs("10.0.0.1:8081"), 421, "host_not_allowed"},
			{"a foreign origin", set("Origin", "https://evil.example"), 403, "origin_not_allowed"},
			{"the origin null", set("Origin", "null"), 403, "origin_not_allowed"},
			{"two origins", func(r *http.Request) { r.Header.Add("Origin", page) }, 403, "origin_not_allowed"},
		} {
			r := a.ask(t, "/ws?ticket="+made, "Origin", page)
			row.edit(r)
			a.denied(t, row.rule, h.internal(t, r), row.status, row.code)
		}
		// Over HTTP/2 there is no key (RFC 8441).
		r := a.ask(t, "/ws?ticket="+made, "Origin", page)
		r.Header.Del("Sec-Websocket-Key")
		method("CONNECT")(r)
		hostIs("API.example.com:443")(r)
		expect(t, "CONNECT, and nothing before it has spent the ticket", h.internal(t, r), 200, "")

		strict := newHouse(t, func(o *parts) { o.Gate.AllowMissingOrigin = false })
		made = strict.mustIssue(t, "").Ticket
		a.denied(t, "no origin, where one is needed", strict.internal(t, a.ask(t, "/ws?ticket="+made)), 403, "origin_not_allowed")
		bound := h.mustIssue(t, "", "Origin", page).Ticket
		a.denied(t, "a ticket without its origin", h.internal(t, a.ask(t, "/ws?ticket="+bound)), 401, "invalid_ticket")
	})
}

// TestForwardNeverUpgrades: the question's own method, body and upgrade are not
// looked at.
func TestForwardNeverUpgrades(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, nil)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"} {
			r := a.ask(t, "/ws?ticket="+h.mustIssue(t, "").Ticket,
				"Connection", "Upgrade", "Upgrade", "websocket", "Expect", "100-continue")
			r.Body, r.ContentLength = unreadable{t}, 1<<30
			if a.method != "" {
				r.Method = method
			}
			w := h.internal(t, r)
			expect(t, method, w, 200, "")
			if got := w.Header(); got.Get("Upgrade") != "" || got.Get("Connection") != "close" || w.Body.Len() != 0 {
				t.Errorf("%s: got headers %v, want no upgrade, and an end of the connection in place of the body", method, got)
			}
		}
	})
}

// unreadable is a body that fails the test when it is read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, errors.New("read")
}
func (u unreadable) Close() error { return nil }

// TestForwardPresents: what the ticket is redeemed with, and what is part of the
// attempt.
func TestForwardPresents(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		var got ticket.Presentation
		h := newHouse(t, func(o *parts) { o.Gate.Redeemer = granting(&got) })
		ask := func(edit func(*http.Request)) ticket.Presentation {
			r := a.ask(t, "/ws?ticket="+unknownToken, "Origin", page)
			edit(r)
			expect(t, "ask", h.internal(t, r), 200, "")
			return got
		}
		first := ask(func(*http.Request) {})
		want := ticket.Presentation{
			Door: "query", Audience: "chat", Origin: page, ClientIP: netip.MustParseAddr("203.0.113.5"), Attempt: first.Attempt,
		}
		if first != want || len(first.Attempt) != 22 {
			t.Errorf("got %+v, want %+v with an attempt", first, want)
		}
		if again := ask(func(*http.Request) {}); again != first {
			t.Errorf("the same question is another attempt: %+v, %+v", again, first)
		}
		for rule, edit := range map[string]func(*http.Request){
			"another key":    func(r *http.Request) { r.Header.Set("Sec-Websocket-Key", "AQIDBAUGBwgJCgsMDQ4PEA==") },
			"another client": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.6") },
		} {
			if ask(edit).Attempt == first.Attempt {
				t.Errorf("%s is the same attempt", rule)
			}
		}
		keyless := ask(func(r *http.Request) {
			r.Header.Del("Sec-Websocket-Key")
			r.Header.Del("Sec-Websocket-Version")
			if r.Method = http.MethodConnect; a.method != "" {
				r.Method = http.MethodGet
				r.Header.Set(a.method, http.MethodConnect)
			}
		})
		if named := keyless.Attempt != ""; named != (a.requestID != "") || keyless.Attempt == first.Attempt {
			t.Errorf("without a key: got attempt %q, want one of its own only where there is a request ID", keyless.Attempt)
		}
		renamed := ask(func(r *http.Request) { r.Header.Set("X-Request-Id", "request-2") })
		if same := renamed.Attempt == first.Attempt; same != (a.requestID == "") {
			t.Errorf("another request ID: got the same attempt %v, want %v", same, a.requestID == "")
		}
	})
}

func TestForwardLimit(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, func(o *parts) { o.Gate.AddressLimit = perMinute(2) })
		ask := func(client string) *httptest.ResponseRecorder {
			r := a.ask(t, "/ws?ticket="+unknownToken)
			r.Header.Set("X-Forwarded-For", client)
			return h.internal(t, r)
		}
		a.denied(t, "first", ask("203.0.113.5"), 401, "invalid_ticket")
		a.denied(t, "second, with a forged address before it", ask("6.6.6.6, 203.0.113.5"), 401, "invalid_ticket")
		w := ask("203.0.113.5, 10.0.0.9")
		a.denied(t, "third, through another trusted proxy", w, 429, "rate_limited")
		if got := w.Header().Get("Retry-After"); got != "30" {
			t.Errorf("Retry-After: got %q, want 30", got)
		}
		a.denied(t, "another client", ask("203.0.113.6"), 401, "invalid_ticket")
	})
}

// identifier sets three headers of five.
type identifier struct{ err error }

func (identifier) Names() []string {
	return []string{"X-Auth-Request-User", "X-Auth-Request-Email", "X-Wsticket-Id", "X-Wsticket-Expires", "X-Wsticket-Assertion"}
}

func (i identifier) Headers(g ticket.Grant) (http.Header, error) {
	return http.Header{
		"X-Auth-Request-User": {g.Identity.Subject}, "X-Wsticket-Id": {string(g.ID)}, "X-Wsticket-Expires": {"then"},
	}, i.err
}

// TestForwardIdentity: every identity header is set, whatever the client sends
// under that name or a similar one.
func TestForwardIdentity(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, func(o *parts) { o.Identifier = identifier{} })
		made := h.mustIssue(t, "")
		r := a.ask(t, "/ws?ticket="+made.Ticket, "X-Auth-Request-User", "evil", "X-Auth-Request-Email", "evil",
			"X_Auth_Request_User", "evil", "X-Wsticket-Id", "evil", "Remote-User", "evil", "Connection", "X-Auth-Request-User")
		w := httptest.NewRecorder()
		h.Internal().ServeHTTP(w, r)
		for name, want := range map[string][]string{
			"X-Auth-Request-User": {"alice"}, "X-Auth-Request-Email": {""}, "X-Wsticket-Assertion": {""},
			"X-Wsticket-Id": {made.ID}, "X-Wsticket-Expires": {"then"}, "X_Auth_Request_User": nil, "Remote-User": nil,
		} {
			if got := w.Header()[name]; w.Code != 200 || !slices.Equal(got, want) {
				t.Errorf("got %d with %s: %q, want 200 with %q", w.Code, name, got, want)
			}
		}
		broken := newHouse(t, func(o *parts) { o.Identifier = identifier{errors.New("SECRET")} })
		w = broken.internal(t, a.ask(t, "/ws?ticket="+broken.mustIssue(t, "").Ticket))
		a.denied(t, "an identity that cannot be told", w, 500, "internal")
		for name := range w.Header() {
			if strings.HasPrefix(name, "X-Auth-Request-") {
				t.Errorf("got %s on a denial", name)
			}
		}
		if strings.Contains(w.Body.String()+broken.log(), "SECRET") {
			t.Errorf("got %s and log %s, want nothing of the text", w.Body, broken.log())
		}
	})
}
