package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// consume sends a body to /consume with the key of its scope.
func (h *house) consume(tb testing.TB, body string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	header = append([]string{"Authorization", "Bearer consume-key", "Content-Type", "application/json"}, header...)
	return h.internal(tb, newRequest(tb, http.MethodPost, "/consume", body, header...))
}

// redeems checks that /consume grants what body asks for.
func (h *house) redeems(tb testing.TB, rule, body string) {
	tb.Helper()
	if w := h.consume(tb, body); !strings.HasPrefix(w.Body.String(), `{"active":true`) {
		tb.Errorf("%s: got %s, want the ticket to be good still", rule, w.Body)
	}
}

// introspect sends a form to /introspect with the key of its scope.
func (h *house) introspect(tb testing.TB, form string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	header = append([]string{"Authorization", "Bearer introspect-key", "Content-Type", "application/x-www-form-urlencoded"}, header...)
	return h.internal(tb, newRequest(tb, http.MethodPost, "/introspect", form, header...))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule   string
		values []string
		// The status of /consume and /introspect.
		consume, introspect int
		code, caller        string
	}{
		{"the key for it", []string{"Bearer consume-key"}, 200, 403, "insufficient_scope", "key:for-consume"},
		{"the key for the other", []string{"Bearer introspect-key"}, 403, 200, "insufficient_scope", "key:for-introspect"},
		{"a key for everything", []string{"Bearer every-key"}, 200, 200, "", "key:every"},
		{"a key to revoke", []string{"Bearer revoke-key"}, 403, 403, "insufficient_scope", "key:for-revoke"},
		{"a key to read", []string{"Bearer read-key"}, 403, 403, "insufficient_scope", "key:for-read"},
		{"the scheme ignores case", []string{"bEARER every-key"}, 200, 200, "", "key:every"},
		{"none", nil, 401, 401, "missing_credential", ""},
		{"an unknown one", []string{"Bearer wrong"}, 401, 401, "invalid_token", ""},
		{"in another case", []string{"Bearer EVERY-KEY"}, 401, 401, "invalid_token", ""},
		{"a bearer of a client", []string{good}, 401, 401, "invalid_token", ""},
		{"another scheme", []string{"Basic every-key"}, 401, 401, "missing_credential", ""},
		{"a ticket's scheme", []string{"Ticket every-key"}, 401, 401, "missing_credential", ""},
		{"two", []string{"Bearer every-key", "Bearer every-key"}, 400, 400, "invalid_request", ""},
		{"two in a list", []string{"Bearer every-key, Bearer wrong"}, 400, 400, "invalid_request", ""},
		{"two blanks", []string{"Bearer  every-key"}, 400, 400, "invalid_request", ""},
		{"the scheme alone", []string{"Bearer"}, 400, 400, "invalid_request", ""},
	} {
		for path, want := range map[string]int{"/consume": row.consume, "/introspect": row.introspect} {
			made, kind := h.mustIssue(t, "").Ticket, "application/json"
			body := `{"ticket":"` + made + `"}`
			if path == "/introspect" {
				body, kind = "token="+made, "application/x-www-form-urlencoded"
			}
			r := newRequest(t, http.MethodPost, path, body, "Content-Type", kind)
			if row.values != nil {
				r.Header["Authorization"] = row.values
			}
			code := row.code
			if want == 200 {
				code = ""
			}
			w := h.internal(t, r)
			expect(t, path+": "+row.rule, w, want, code)
			if got, want := w.Header().Get("WWW-Authenticate"), readVectors(t)[code].WWWAuthenticate; got != want {
				t.Errorf("%s: %s: got WWW-Authenticate %q, want %q", path, row.rule, got, want)
			}
			if got := h.last(t); got.Request.Caller != row.caller || got.HTTP.Route != path {
				t.Errorf("%s: %s: got event %+v, want caller %q", path, row.rule, got, row.caller)
			}
		}
	}
}

// TestKeysElsewhereAreNone: only Authorization is read. X-Wsticket-Key is for
// proxies.
func TestKeysElsewhereAreNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, name := range []string{"X-Wsticket-Key", "X-Api-Key", "Api-Key", "Proxy-Authorization", "Cookie", "X-Authorization"} {
		r := newRequest(t, http.MethodPost, "/consume", `{"ticket":"x"}`, "Content-Type", "application/json", name, "Bearer every-key")
		expect(t, name, h.internal(t, r), 401, "missing_credential")
	}
	nobody := newHouse(t, func(o *parts) { o.Keys = nil })
	expect(t, "no keys are configured", nobody.consume(t, `{"ticket":"x"}`), 401, "invalid_token")
}

// TestKeysInTheURL: a key in the query is refused, even beside a good one in the
// header, with a reason of its own.
func TestKeysInTheURL(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, "").Ticket
	for _, row := range []struct{ rule, query, code string }{
		{"a key under its name", "key=every-key", "credential_in_url"},
		{"a key under another", "x=every-key", "credential_in_url"},
		{"a key as a name", "every-key", "credential_in_url"},
		{"a key with escapes", "x=every%2Dkey", "credential_in_url"},
		{"a key behind a semicolon", "a=1;x=every-key", "credential_in_url"},
		{"what is called a key", "api_key=wrong", "credential_in_url"},
		{"in another case", "API-Key=wrong", "credential_in_url"},
		{"the header's name", "X-Wsticket-Key=wrong", "credential_in_url"},
		{"access_token", "access_token=x", "credential_in_url"},
		{"token", "token=" + made, "credential_in_url"},
		{"a JWT", "a=" + jwt, "credential_in_url"},
		{"a ticket", "ticket=" + made, "credential_in_url"},
		{"a ticket under another name", "t=" + made, "credential_in_url"},
		{"a ticket that is none", "ticket=x", "credential_in_url"},
		{"what is none of these", "a=b", "invalid_request"},
		{"an escape that is none", "a=%zz", "invalid_request"},
		{"an ampersand", "&", "invalid_request"},
	} {
		for _, path := range []string{"/consume", "/introspect", "/auth/nginx", "/auth/traefik", "/auth/haproxy"} {
			r := newRequest(t, http.MethodPost, path+"?"+row.query, `{"ticket":"`+made+`"}`,
				"Authorization", "Bearer every-key", "X-Wsticket-Key", "every-key", "Content-Type", "application/json")
			status := 400
			if path == "/auth/nginx" {
				status = 403
			}
			expect(t, path+": "+row.rule, h.internal(t, r), status, row.code)
			h.became(t, path+": "+row.rule, "refused", row.code)
		}
	}
	h.redeems(t, "after all of it", `{"ticket":"`+made+`"}`)
}

// TestKeysAreNotGuessedInTheURL: without a good key, a query does not tell known keys
// from others, and counts like a wrong key.
func TestKeysAreNotGuessedInTheURL(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/consume", "/introspect", "/auth/traefik"} {
		h := newHouse(t, func(o *parts) { o.KeyLimit = perMinute(4) })
		for _, header := range [][]string{nil, {"Authorization", "Bearer wrong", "X-Wsticket-Key", "wrong"}} {
			for _, guess := range []string{"x=every-key", "x=wrong"} {
				r := newRequest(t, http.MethodPost, path+"?"+guess, "", header...)
				expect(t, path+"?"+guess, h.internal(t, r), 400, "invalid_request")
			}
		}
		r := newRequest(t, http.MethodPost, path+"?x=every-key", "")
		expect(t, path+", after four guesses", h.internal(t, r), 429, "rate_limited")
	}
}

// TestKeyLimit: wrong keys are counted, and good ones are not.
func TestKeyLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.KeyLimit = perMinute(3) })
	for range 5 {
		expect(t, "a good key", h.consume(t, `{"ticket":"x"}`), 200, "")
	}
	wrong := func() *http.Request {
		return newRequest(t, http.MethodPost, "/consume", "{}", "Authorization", "Bearer wrong", "X-Forwarded-For", "6.6.6.6")
	}
	expect(t, "first", h.internal(t, wrong()), 401, "invalid_token")
	expect(t, "no key at all", h.internal(t, newRequest(t, http.MethodPost, "/introspect", "")), 401, "missing_credential")
	expect(t, "a proxy that nobody trusts", h.internal(t, newRequest(t, http.MethodGet, "/auth/caddy", "")), 401, "missing_credential")
	w := h.internal(t, wrong())
	expect(t, "one too many", w, 429, "rate_limited")
	if got := w.Header().Get("Retry-After"); got != "20" {
		t.Errorf("Retry-After: got %q, want 20", got)
	}
	expect(t, "a good key from there", h.consume(t, `{"ticket":"x"}`), 200, "")
	if e, ok := h.events.Find(test.Kind(ticket.EventLimit)); !ok || e.Presentation.ClientIP.String() != "192.0.2.1" || e.Request.ID == "" {
		t.Errorf("got event %+v, want the limit, and the peer", e)
	}
	elsewhere := wrong()
	elsewhere.RemoteAddr = "198.51.100.7:1"
	expect(t, "another peer", h.internal(t, elsewhere), 401, "invalid_token")
	expect(t, "who has no need of a key", h.internal(t, newRequest(t, http.MethodGet, "/livez", "")), 200, "")
}

// verified returns r with a client certificate that was verified.
func verified(r *http.Request, leaf *x509.Certificate) *http.Request {
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
	return r
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	named := &x509.Certificate{Subject: pkix.Name{CommonName: "chat"}}
	ask := func(header ...string) *http.Request {
		header = append(header, "Content-Type", "application/json")
		return newRequest(t, http.MethodPost, "/consume", `{"ticket":"x"}`, header...)
	}
	for _, row := range []struct {
		rule   string
		leaf   *x509.Certificate
		caller string
	}{
		{"its common name", named, "cert:chat"},
		{"a host before the common name", &x509.Certificate{Subject: pkix.Name{CommonName: "x"}, DNSNames: []string{"chat.internal", "y"}}, "cert:chat.internal"},
		{"a URI before a host", &x509.Certificate{
			URIs: []*url.URL{mustURL(t, "spiffe://example.org/chat")}, DNSNames: []string{"x"},
		}, "cert:spiffe://example.org/chat"},
	} {
		expect(t, row.rule, h.internal(t, verified(ask(), row.leaf)), 200, "")
		if got := h.last(t).Request.Caller; got != row.caller {
			t.Errorf("%s: got caller %q, want %q", row.rule, got, row.caller)
		}
	}
	expect(t, "a certificate that names nobody", h.internal(t, verified(ask(), &x509.Certificate{})), 401, "missing_credential")
	expect(t, "a key that is there decides", h.internal(t, verified(ask("Authorization", "Bearer wrong"), named)), 401, "invalid_token")
	expect(t, "and so does its scope", h.internal(t, verified(ask("Authorization", "Bearer read-key"), named)), 403, "insufficient_scope")
	expect(t, "a malformed one, too", h.internal(t, verified(ask("Authorization", "Bearer"), named)), 400, "invalid_request")

	shown := ask()
	shown.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{named}}
	expect(t, "one that nobody has verified", h.internal(t, shown), 401, "missing_credential")
}

// TestNamesOfCertificates: one authority signs the certificates of all services,
// and not all of them may consume tickets.
func TestNamesOfCertificates(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.ClientNames = []string{"Chat.Internal", "spiffe://example.org/chat"} })
	ask := func(leaf *x509.Certificate, header ...string) *http.Request {
		header = append(header, "Content-Type", "application/json")
		return verified(newRequest(t, http.MethodPost, "/consume", `{"ticket":"x"}`, header...), leaf)
	}
	uri := func(text string) *url.URL { return mustURL(t, text) }
	for _, row := range []struct {
		rule   string
		leaf   x509.Certificate
		caller string // who it is; empty: refused
		names  string // that the log has of a refused one
	}{
		{"a host", x509.Certificate{DNSNames: []string{"chat.internal"}}, "cert:chat.internal", ""},
		{"in capital letters", x509.Certificate{DNSNames: []string{"CHAT.internal"}}, "cert:chat.internal", ""},
		{"one of several, which is the caller then", x509.Certificate{DNSNames: []string{"a.internal", "chat.internal"}}, "cert:chat.internal", ""},
		{"a URI", x509.Certificate{URIs: []*url.URL{uri("spiffe://example.org/chat")}}, "cert:spiffe://example.org/chat", ""},
		{"a common name alone", x509.Certificate{Subject: pkix.Name{CommonName: "chat.internal"}}, "cert:chat.internal", ""},
		{"a common name beside another host", x509.Certificate{Subject: pkix.Name{CommonName: "chat.internal"}, DNSNames: []string{"feed.internal"}}, "", "feed.internal"},
		{"another service", x509.Certificate{DNSNames: []string{"feed.internal"}, URIs: []*url.URL{uri("spiffe://example.org/feed")}}, "", "spiffe://example.org/feed, feed.internal"},
		{"a name below", x509.Certificate{DNSNames: []string{"x.chat.internal"}}, "", "x.chat.internal"},
		{"a pattern", x509.Certificate{DNSNames: []string{"*.internal"}}, "", "*.internal"},
		{"a name that could pass for another one in a log", x509.Certificate{Subject: pkix.Name{CommonName: "lanretni.tahc\u202e"}}, "", `lanretni.tahc\u202e`},
	} {
		w := h.internal(t, ask(&row.leaf))
		if row.caller != "" {
			expect(t, row.rule, w, 200, "")
			if got := h.last(t).Request.Caller; got != row.caller {
				t.Errorf("%s: got caller %q, want %q", row.rule, got, row.caller)
			}
			continue
		}
		expect(t, row.rule, w, 401, "invalid_token")
		h.told(t, row.rule, w, "", "names="+row.names+" setting=internal.tls.client_names expected=[Chat.Internal spiffe://example.org/chat]")
	}
	feed := &x509.Certificate{DNSNames: []string{"feed.internal"}}
	expect(t, "its owner has a key", h.internal(t, ask(feed, "Authorization", "Bearer consume-key")), 200, "")
	r := askers()["nginx"].ask(t, "/ws?ticket="+unknownToken)
	r.RemoteAddr = "203.0.113.1:1"
	h.internal(t, verified(r, feed))
	h.became(t, "forward auth", "refused", "client_name")
}

func TestGuardedMetrics(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.GuardMetrics = true })
	get := func(header ...string) *http.Request { return newRequest(t, http.MethodGet, "/metrics", "", header...) }
	expect(t, "nobody", h.internal(t, get()), 401, "missing_credential")
	expect(t, "a key for something else", h.internal(t, get("Authorization", "Bearer consume-key")), 403, "insufficient_scope")
	expect(t, "a key to read", h.internal(t, get("Authorization", "Bearer read-key")), 200, "")
	named := &x509.Certificate{Subject: pkix.Name{CommonName: "prometheus"}}
	expect(t, "a certificate", h.internal(t, verified(get(), named)), 200, "")
	for _, path := range []string{"/livez", "/readyz", "/openapi.yaml"} {
		expect(t, path, h.internal(t, newRequest(t, http.MethodGet, path, "")), 200, "")
	}
}
