package api_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wsticket/api"
	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// TestForwardPinned: each header of the proxy is required, once and well-formed,
// and no other header is read in its place.
func TestForwardPinned(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, nil)
		made := h.mustIssue(t, "").Ticket
		good := "/ws?ticket=" + made
		pinned := []string{"X-Forwarded-For"}
		if a.uri != "" {
			pinned = append(pinned, a.method, a.uri, "X-Forwarded-Host", "X-Forwarded-Proto")
		}
		refused := func(rule, header, fault string, r *http.Request) {
			t.Helper()
			w := h.internal(t, r)
			a.denied(t, rule, w, 400, "invalid_request")
			h.became(t, rule, "refused", "forwarded_headers")
			if got, want := fmt.Sprint(h.last(t).Attrs), "header="+header+" fault="+fault; !strings.Contains(got, want) {
				t.Errorf("%s: got %s, want %s", rule, got, want)
			}
			if got, want := detailOf(w), header+": "+fault; got != want {
				t.Errorf("%s: got detail %q, want %q", rule, got, want)
			}
		}
		for _, name := range pinned {
			r := a.ask(t, good)
			r.Header.Del(name)
			refused("no "+name, name, "missing", r)

			// Some proxies pass these on.
			value := a.ask(t, good).Header.Get(name)
			r = a.ask(t, good, strings.ReplaceAll(name, "-", "_"), value)
			r.Header.Del(name)
			refused(name+" with underscores in its place", name, "missing", r)

			if name != "X-Forwarded-For" { // which is a list
				r = a.ask(t, good)
				r.Header.Add(name, value)
				refused(name+" twice", name, "repeated", r)
				r = a.ask(t, good)
				r.Header.Set(name, "")
				refused("an empty "+name, name, "empty", r)
			}
		}
		for _, other := range []string{
			"X-Forwarded-Uri", "X-Original-Uri", "X-Original-Url", "X-Rewrite-Url", "X-Replaced-Path", "X-Envoy-Original-Path",
		} {
			if other == a.uri || a.uri == "" {
				continue
			}
			r := a.ask(t, good, other, good)
			r.Header.Del(a.uri)
			refused(other+" in place of the URI's own", a.uri, "missing", r)
		}
		if a.uri == "" {
			return
		}
		for rule, uri := range map[string]string{
			"a whole URL":      "http://api.example.com" + good,
			"no path":          "?ticket=" + made,
			"an asterisk":      "*",
			"a fragment":       good + "#x",
			"a blank":          good + " HTTP/1.1",
			"a tab":            good + "\t",
			"beyond ASCII":     "/wß?ticket=" + made,
			"a relative path":  "ws?ticket=" + made,
			"two in one field": good + ", " + good,
		} {
			refused(rule, a.uri, "not understood", a.ask(t, uri))
		}
		withScheme := func(scheme string) *http.Request {
			r := a.ask(t, "/ws?ticket="+h.mustIssue(t, "").Ticket)
			r.Header.Set("X-Forwarded-Proto", scheme)
			return r
		}
		for _, scheme := range []string{"https", "http", "wss", "ws", "HTTPS"} {
			expect(t, scheme, h.internal(t, withScheme(scheme)), 200, "")
		}
		for _, scheme := range []string{"https, http", "ftp", "://"} {
			refused(scheme, "X-Forwarded-Proto", "not understood", withScheme(scheme))
		}
		expect(t, "nothing of it has spent the ticket", h.internal(t, a.ask(t, good)), 200, "")
	})
}

// TestForwardRequestID: a proxy may leave it out. It is part of the attempt where
// it is there, so that a repeated question is the same attempt.
func TestForwardRequestID(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, func(o *parts) { o.RetryWindow = 2 * time.Second })
		for _, ids := range [][]string{nil, {""}, {"a"}, {"of-the-client", "of-the-proxy"}} {
			made := h.mustIssue(t, "").Ticket
			ask := func(ids []string, key, client string) *httptest.ResponseRecorder {
				r := a.ask(t, "/ws?ticket="+made)
				delete(r.Header, "X-Request-Id")
				if ids != nil {
					r.Header["X-Request-Id"] = ids
				}
				r.Header.Set("Sec-Websocket-Key", key)
				r.Header.Set("X-Forwarded-For", client)
				return h.internal(t, r)
			}
			rule := fmt.Sprintf("IDs %q", ids)
			expect(t, rule, ask(ids, socketKey, "203.0.113.5"), 200, "")
			expect(t, rule+", asked again", ask(ids, socketKey, "203.0.113.5"), 200, "")
			a.denied(t, rule+", with another key", ask(ids, "AQIDBAUGBwgJCgsMDQ4PEA==", "203.0.113.5"), 401, "invalid_ticket")
			a.denied(t, rule+", from elsewhere", ask(ids, socketKey, "203.0.113.6"), 401, "invalid_ticket")
		}
	})
}

// TestForwardKeepsTheProxysID: the question has the proxy's request ID in answer and
// log, whatever the proxy proves that it may ask with. A stranger's is not kept, and
// no ticket is, which some proxies pass on from the client.
func TestForwardKeepsTheProxysID(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	a := askers()["nginx"]
	for _, row := range []struct {
		rule, peer, key, id string
		kept                bool
	}{
		{"a trusted proxy", proxyAddr, "", "r-1", true},
		{"one with a key", "203.0.113.1:1", "consume-key", "r-1", true},
		{"a stranger", "203.0.113.1:1", "", "r-1", false},
		{"one with a wrong key", "203.0.113.1:1", "wrong", "r-1", false},
		{"a ticket from a trusted proxy", proxyAddr, "", unknownToken, false},
		{"a ticket from one with a key", "203.0.113.1:1", "consume-key", "x-" + unknownToken, false},
	} {
		r := a.ask(t, "/ws?ticket="+unknownToken)
		r.RemoteAddr = row.peer
		r.Header.Set("X-Request-Id", row.id)
		if row.key != "" {
			r.Header.Set("X-Wsticket-Key", row.key)
		}
		w := h.internal(t, r)
		got := w.Header().Get("X-Request-Id")
		if (got == row.id) != row.kept || h.last(t).Request.ID != got || !strings.Contains(w.Body.String(), `"request_id":"`+got+`"`) {
			t.Errorf("%s: got %q, event %q and %s, want it kept to be %t", row.rule, got, h.last(t).Request.ID, w.Body, row.kept)
		}
	}
}

// TestForwardOtherHeadersMeanNothing: headers of other proxies, and other
// spellings, change nothing.
func TestForwardOtherHeadersMeanNothing(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		var got ticket.Presentation
		h := newHouse(t, func(o *parts) { o.Gate.Redeemer = granting(&got) })
		expect(t, "without", h.internal(t, a.ask(t, "/ws?ticket="+unknownToken)), 200, "")
		want := got
		for name, value := range map[string]string{
			"X-Original-Url": "/evil", "X-Rewrite-Url": "/evil", "Forwarded": "for=6.6.6.6;host=evil.example",
			"X-Real-Ip": "6.6.6.6", "True-Client-Ip": "6.6.6.6", "Cf-Connecting-Ip": "6.6.6.6", "X-Client-Ip": "6.6.6.6",
			"X_Forwarded_For": "6.6.6.6", "X_Forwarded_Uri": "/evil", "X_Original_Uri": "/evil", "X_Forwarded_Host": "evil.example",
			"X_Request_Id": "evil", "X-Http-Method-Override": "POST", "X-Wsticket-Key": "wrong", "X-Wsticket-Id": "evil",
			"Idempotency-Key": "evil", "X-Correlation-Id": "evil", "X-Forwarded-Port": "1", "X-Forwarded-Server": "evil",
		} {
			expect(t, name, h.internal(t, a.ask(t, "/ws?ticket="+unknownToken, name, value)), 200, "")
			if got != want {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
		}
	})
}

// TestForwardTrust: which peers may ask.
func TestForwardTrust(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		h := newHouse(t, nil)
		var seen ticket.Presentation
		for _, row := range []struct {
			rule, peer string
			header     []string
			cert       bool
			status     int
			code       string
			reason     string
		}{
			{"a trusted proxy", "10.9.9.9:1", nil, false, 200, "", "ok"},
			{"a trusted proxy in its other spelling", "[::ffff:10.9.9.9]:1", nil, false, 200, "", "ok"},
			{"a trusted proxy with a key that its client made up", "10.9.9.9:1", []string{"X-Wsticket-Key", "wrong"}, false, 200, "", "ok"},
			{"a stranger", "203.0.113.1:1", nil, false, 401, "missing_credential", "untrusted_peer"},
			{"a stranger who says that he is trusted", "203.0.113.1:1", []string{"X-Forwarded-For", "10.9.9.9"}, false, 401, "missing_credential", "untrusted_peer"},
			{"a peer without an address", "@", nil, false, 401, "missing_credential", "untrusted_peer"},
			{"a stranger with the key", "203.0.113.1:1", []string{"X-Wsticket-Key", "consume-key"}, false, 200, "", "ok"},
			{"a stranger with a key for all", "203.0.113.1:1", []string{"X-Wsticket-Key", "every-key"}, false, 200, "", "ok"},
			{"a stranger with a wrong key", "203.0.113.1:1", []string{"X-Wsticket-Key", "wrong"}, false, 401, "invalid_token", "unknown_key"},
			{"a stranger with a key for something else", "203.0.113.1:1", []string{"X-Wsticket-Key", "introspect-key"}, false, 403, "insufficient_scope", "key_scope"},
			{"a stranger with two keys", "203.0.113.1:1", []string{"X-Wsticket-Key", "consume-key", "X-Wsticket-Key", "consume-key"}, false, 400, "invalid_request", "credential_shape"},
			{"a stranger with the scheme before the key", "203.0.113.1:1", []string{"X-Wsticket-Key", "Bearer consume-key"}, false, 400, "invalid_request", "credential_shape"},
			{"a stranger with underscores", "203.0.113.1:1", []string{"X_Wsticket_Key", "consume-key"}, false, 401, "missing_credential", "untrusted_peer"},
			{"a stranger with the key in Authorization, which is the client's", "203.0.113.1:1", []string{"Authorization", "Bearer consume-key"}, false, 401, "missing_credential", "untrusted_peer"},
			{"a stranger with a certificate", "203.0.113.1:1", nil, true, 200, "", "ok"},
			{"a stranger with a certificate, and a key that its client made up", "203.0.113.1:1", []string{"X-Wsticket-Key", "wrong"}, true, 200, "", "ok"},
		} {
			r := a.ask(t, "/ws?ticket="+h.mustIssue(t, "").Ticket, row.header...)
			r.RemoteAddr = row.peer
			if row.cert {
				verified(r, &x509.Certificate{Subject: pkix.Name{CommonName: "edge"}})
			}
			w := h.internal(t, r)
			if row.status == 200 {
				expect(t, row.rule, w, 200, "")
				h.became(t, row.rule, "allowed", "ok")
			} else {
				a.denied(t, row.rule, w, row.status, row.code)
				h.became(t, row.rule, "refused", row.reason)
			}
		}
		believing := newHouse(t, func(o *parts) {
			o.Gate.Redeemer, o.Gate.TrustedProxies = granting(&seen), nil
		})
		r := a.ask(t, "/ws?ticket="+unknownToken, "X-Wsticket-Key", "consume-key")
		r.Header.Set("X-Forwarded-For", "6.6.6.6, 203.0.113.5")
		expect(t, "with a key and no list of proxies", believing.internal(t, r), 200, "")
		if got := seen.ClientIP.String(); got != "203.0.113.5" {
			t.Errorf("with a key and no list of proxies: got client %s, want the last entry", got)
		}
	})
}

// TestForwardAuthPeers: who may ask is apart from whose forwarded headers are
// believed.
func TestForwardAuthPeers(t *testing.T) {
	t.Parallel()
	peers := func(prefixes ...string) func(*parts) {
		list := []netip.Prefix{}
		for _, p := range prefixes {
			list = append(list, netip.MustParsePrefix(p))
		}
		return func(o *parts) { o.Gate.ForwardAuthPeers = list }
	}
	a := askers()["nginx"]
	for _, row := range []struct {
		rule   string
		edit   func(*parts)
		peer   string
		reason string
	}{
		{"the default are the trusted proxies", nil, "10.9.9.9:1", "ok"},
		{"a trusted proxy that may not ask", peers("192.0.2.0/24"), "10.9.9.9:1", "untrusted_peer"},
		{"a proxy that may ask and is not trusted", peers("192.0.2.0/24"), "192.0.2.7:1", "ok"},
		{"in its other spelling", peers("192.0.2.0/24"), "[::ffff:192.0.2.7]:1", "ok"},
		{"nobody may ask", peers(), "10.9.9.9:1", "untrusted_peer"},
	} {
		h := newHouse(t, row.edit)
		r := a.ask(t, "/ws?ticket="+h.mustIssue(t, "").Ticket)
		r.RemoteAddr = row.peer
		h.internal(t, r)
		h.became(t, row.rule, map[bool]string{true: "allowed", false: "refused"}[row.reason == "ok"], row.reason)
		keyed := a.ask(t, "/ws?ticket="+h.mustIssue(t, "").Ticket, "X-Wsticket-Key", "consume-key")
		keyed.RemoteAddr = row.peer
		expect(t, row.rule+", with a key", h.internal(t, keyed), 200, "")
		if got := h.last(t).Request.ClientIP.String(); got != "203.0.113.5" {
			t.Errorf("%s, with a key: the request is of %s, want the client", row.rule, got)
		}
	}
	var seen ticket.Presentation
	h := newHouse(t, func(o *parts) {
		peers("192.0.2.0/24")(o)
		o.Gate.Redeemer = granting(&seen)
	})
	r := a.ask(t, "/ws?ticket="+unknownToken)
	r.RemoteAddr = "192.0.2.7:1"
	r.Header.Set("X-Forwarded-For", "6.6.6.6, 203.0.113.5")
	expect(t, "the client of a proxy that is not trusted", h.internal(t, r), 200, "")
	if got := seen.ClientIP.String(); got != "203.0.113.5" {
		t.Errorf("got client %s, want the one that the proxy has seen", got)
	}
	_, err := api.New(new(house).build(t, func(o *parts) { o.ClientNames = []string{""} }))
	if got := test.Faults(err); !slices.Equal(got, []string{"api.ClientNames"}) {
		t.Errorf("got faults %q", got)
	}
}

// TestForwardAuthPeerOfMany: a proxy that may ask, and does not say readably for
// whom, is not counted as one client, trusted or not.
func TestForwardAuthPeerOfMany(t *testing.T) {
	t.Parallel()
	a := askers()["nginx"]
	h := newHouse(t, func(o *parts) {
		o.Gate.ForwardAuthPeers = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}
		o.Gate.AddressLimit = gate.NewRateLimiter(1, time.Hour)
	})
	for range 16 {
		r := a.ask(t, "/ws?ticket="+unknownToken)
		r.RemoteAddr = "192.0.2.7:1"
		r.Header.Set("X-Forwarded-For", "unknown")
		h.internal(t, r)
		h.became(t, "a client that the proxy does not name", "refused", "not_found")
	}
}

// TestForwardNginxStatuses: nginx gets 403 for every fault, because it writes the
// ticket into its error log for any other status.
func TestForwardNginxStatuses(t *testing.T) {
	t.Parallel()
	a := askers()["nginx"]
	for rule, edit := range map[string]func(*parts, *http.Request){
		"a host that nobody serves": func(_ *parts, r *http.Request) { r.Host = "evil.example" },
		"no host":                   func(_ *parts, r *http.Request) { r.Host = "" },
		"a method that nobody knows": func(_ *parts, r *http.Request) {
			r.Method = "PROPFIND"
		},
		"a store that is away": func(o *parts, _ *http.Request) { o.Gate.Redeemer = failing{ticket.ErrUnavailable} },
		"a full store":         func(o *parts, _ *http.Request) { o.Gate.Redeemer = failing{ticket.ErrFull} },
		"a fault of ours":      func(o *parts, _ *http.Request) { o.Gate.Redeemer = failing{ticket.ErrExists} },
		"a panic":              func(o *parts, _ *http.Request) { o.Gate.Redeemer = redeem(nil) },
		"a limit":              func(o *parts, _ *http.Request) { o.Gate.AddressLimit = exhausted() },
	} {
		r := a.ask(t, "/ws?ticket="+unknownToken)
		h := newHouse(t, func(o *parts) { edit(o, r) })
		w := httptest.NewRecorder()
		h.Internal().ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || w.Header().Get("X-Wsticket-Error") == "" {
			t.Errorf("%s: got %d, X-Wsticket-Error %q, want 403 with one", rule, w.Code, w.Header().Get("X-Wsticket-Error"))
		}
	}
}

// TestForwardCaddysQuery: Caddy repeats the client's query on the question's
// request line, where it is not read.
func TestForwardCaddysQuery(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	a := askers()["caddy"]
	asked, other := h.mustIssue(t, "").Ticket, h.mustIssue(t, "").Ticket
	for rule, query := range map[string]string{"another ticket": "ticket=" + other, "what is refused elsewhere": "access_token=x&x=" + jwt} {
		r := a.ask(t, "/ws?a=b")
		r.URL.RawQuery = query
		a.denied(t, rule, h.internal(t, r), 401, "missing_credential")
	}
	r := a.ask(t, "/ws?ticket="+asked)
	r.URL.RawQuery = "ticket=" + other
	expect(t, "the one that is asked about", h.internal(t, r), 200, "")
	expect(t, "the other is good still", h.internal(t, a.ask(t, "/ws?ticket="+other)), 200, "")
	if log := h.log(); strings.Contains(log, asked) || strings.Contains(log, other) {
		t.Errorf("the log has a ticket: %s", log)
	}
}

// TestForwardEnvoysPath: no client path after Envoy's prefix leads to another
// endpoint.
func TestForwardEnvoysPath(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	a := askers()["envoy"]
	for _, path := range []string{
		"/", "//", "/../consume", "/../../auth/nginx", "/..;/consume", "/%2e%2e/consume", "/%2fconsume", "/a%00b", "/ws;x", `/\evil`, "/ws/",
	} {
		w := h.internal(t, a.ask(t, path+"?ticket="+unknownToken))
		a.denied(t, path, w, 401, "invalid_ticket")
		if got := h.last(t).HTTP.Route; got != "/auth/envoy/*" {
			t.Errorf("%s: got route %s, want envoy's", path, got)
		}
	}
	for rule, target := range map[string]string{
		"a whole URL":       "http://api.example.com/auth/envoy/ws?ticket=" + unknownToken,
		"an escaped prefix": "/%61uth/envoy/ws?ticket=" + unknownToken,
		"another prefix":    "/other?ticket=" + unknownToken,
	} {
		r := a.ask(t, "/ws?ticket="+unknownToken)
		r.RequestURI = target
		a.denied(t, rule, h.internal(t, r), 400, "invalid_request")
	}
}

// TestForwardOverTheWire: questions that only a real server can receive. It does
// not wait for an announced body.
func TestForwardOverTheWire(t *testing.T) {
	t.Parallel()
	const head = "Host: api.example.com\r\nX-Wsticket-Key: consume-key\r\nX-Forwarded-For: 203.0.113.5\r\nX-Request-Id: r-1\r\nSec-WebSocket-Key: " + socketKey + "\r\n"
	const pinned = head + "X-Original-Method: GET\r\nX-Original-URI: /ws?ticket=TICKET\r\nX-Forwarded-Host: api.example.com\r\nX-Forwarded-Proto: https\r\n"
	for _, row := range []struct {
		rule, raw string
		status    int
	}{
		{"HTTP/1.0, as nginx asks", "GET /auth/nginx HTTP/1.0\r\n" + pinned + "\r\n", 200},
		{"a body that never comes", "POST /auth/nginx HTTP/1.1\r\n" + pinned + "Content-Length: 10\r\n\r\n", 200},
		{"an upgrade", "GET /auth/nginx HTTP/1.1\r\n" + pinned + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200},
		{"HEAD, as HAProxy asks", "HEAD /auth/haproxy HTTP/1.1\r\n" + strings.ReplaceAll(pinned, "X-Original", "X-Forwarded") + "\r\n", 200},
		{"HEAD, with an unknown ticket", "HEAD /auth/haproxy HTTP/1.1\r\n" + strings.ReplaceAll(strings.ReplaceAll(pinned, "X-Original", "X-Forwarded"), "TICKET", unknownToken) + "\r\n", 401},
		{"Envoy's request line", "GET /auth/envoy/ws?ticket=TICKET HTTP/1.1\r\n" + head + "\r\n", 200},
		{"Envoy's CONNECT", "CONNECT /auth/envoy/ws?ticket=TICKET HTTP/1.1\r\n" + head + "\r\n", 200},
		{"Envoy's whole URL", "GET http://api.example.com/auth/envoy/ws?ticket=TICKET HTTP/1.1\r\n" + head + "\r\n", 400},
		{"an escaped endpoint", "GET /auth/%6eginx HTTP/1.1\r\n" + pinned + "\r\n", 404},
		{"two slashes", "GET //auth/nginx HTTP/1.1\r\n" + pinned + "\r\n", 404},
		{"a slash behind", "GET /auth/nginx/ HTTP/1.1\r\n" + pinned + "\r\n", 404},
	} {
		h := newHouse(t, nil)
		raw := strings.ReplaceAll(row.raw, "TICKET", h.mustIssue(t, "").Ticket)
		if got := exchange(t, h.Internal(), raw); !strings.HasPrefix(got, strconv.Itoa(row.status)+" ") {
			t.Errorf("%s: got %s, want %d", row.rule, got, row.status)
		}
	}
}

// FuzzForwardedURI: every URI is refused in the form of a problem, and a ticket is
// found only where a proxy's pattern finds it too.
func FuzzForwardedURI(f *testing.F) {
	for _, seed := range []string{
		"/ws?ticket=" + unknownToken, "/ws", "", "/", "*", "//x?ticket=a", "/ws?ticket=a&ticket=b", "/ws?%74icket=a", "/ws#?ticket=a",
		"http://x/ws?ticket=a", "/ws?x=" + jwt, "/ws?a;ticket=b", "/?", "/ws?ticket=a b", "/\x00",
	} {
		f.Add(seed)
	}
	a := askers()["traefik"]
	h := newHouse(f, nil)
	f.Fuzz(func(t *testing.T, uri string) {
		w := httptest.NewRecorder()
		h.Internal().ServeHTTP(w, a.ask(t, uri))
		code := codeOf(w)
		switch w.Code {
		case http.StatusBadRequest:
			if code != "invalid_request" && code != "credential_in_url" {
				t.Errorf("%q: got %d %s", uri, w.Code, code)
			}
		case http.StatusUnauthorized:
			_, query, _ := strings.Cut(uri, "?")
			if found := strings.Contains("&"+query, "&ticket="); found != (code == "invalid_ticket") {
				t.Errorf("%q: got %s, and a proxy's pattern finds a ticket: %v", uri, code, found)
			}
		default:
			t.Errorf("%q: got %d, want 400 or 401", uri, w.Code)
		}
	})
}
