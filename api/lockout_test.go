package api_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"testing"
)

// proven are requests of one peer with a good key or certificate, to every internal
// endpoint that needs one.
func proven(t *testing.T) map[string]*http.Request {
	t.Helper()
	named := &x509.Certificate{Subject: pkix.Name{CommonName: "chat"}}
	read := func(path string) *http.Request {
		return newRequest(t, http.MethodGet, path, "", "Authorization", "Bearer read-key")
	}
	consume := func(header ...string) *http.Request {
		return newRequest(t, http.MethodPost, "/consume", `{"ticket":"x"}`, append(header, "Content-Type", asJSON)...)
	}
	return map[string]*http.Request{
		"consume":           consume("Authorization", "Bearer consume-key"),
		"introspect":        newRequest(t, http.MethodPost, "/introspect", "token=x", "Authorization", "Bearer introspect-key", "Content-Type", asForm),
		"metrics":           read("/metrics"),
		"readiness, in all": read("/readyz?verbose"),
		"a certificate":     verified(consume(), named),
		// 401 is about the client's ticket: the proxy's key was good.
		"forward auth":                    asked(t, "X-Wsticket-Key", "every-key"),
		"forward auth with a certificate": verified(asked(t), named),
	}
}

// asked is a question of forward auth about a client with a wrong ticket.
func asked(t *testing.T, header ...string) *http.Request {
	t.Helper()
	return newRequest(t, http.MethodGet, "/auth/caddy", "", append(header,
		"X-Forwarded-Uri", "/ws?ticket="+unknownToken, "X-Forwarded-Method", "GET", "X-Forwarded-Host", host,
		"X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.5",
		"Sec-Websocket-Key", socketKey, "Sec-Websocket-Version", "13")...)
}

// TestStrangersDoNotLockOut: whatever is sent without a good key from an address,
// a known key and a client certificate from there are answered (R53).
func TestStrangersDoNotLockOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.KeyLimit, o.GuardMetrics = perMinute(3), true })
	bad := []*http.Request{ // whose bodies nobody reads
		newRequest(t, http.MethodPost, "/consume", "{}", "Authorization", "Bearer wrong"),
		newRequest(t, http.MethodPost, "/introspect", "", "Authorization", "Bearer"),
		newRequest(t, http.MethodGet, "/metrics", ""),
		asked(t, "X-Wsticket-Key", "wrong"),
	}
	for range 3 {
		h.internal(t, bad[0])
	}
	for _, r := range bad {
		expect(t, "a bad key at "+r.URL.Path, h.internal(t, r), 429, "rate_limited")
	}
	for rule, r := range proven(t) {
		w := h.internal(t, r)
		if code := codeOf(w); w.Code != 200 && code != "invalid_ticket" {
			t.Errorf("%s: got %d %q, want it answered", rule, w.Code, code)
		}
	}
	for _, r := range bad {
		expect(t, "a bad key at "+r.URL.Path+", after good ones", h.internal(t, r), 429, "rate_limited")
	}
}
