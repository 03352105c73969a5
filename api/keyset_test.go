package api_test

import (
	"net/http"
	"testing"
)

func TestKeySet(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, header := range [][]string{nil, {"Origin", page}, {"Origin", "https://evil.com"}, {"Authorization", good}} {
		w := h.public(t, newRequest(t, http.MethodGet, "/.well-known/jwks.json", "", header...))
		if w.Code != http.StatusOK || w.Body.String() != keySet {
			t.Errorf("with %v: got %d %s, want the keys", header, w.Code, w.Body)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/jwk-set+json", "Access-Control-Allow-Origin": "*", "Content-Length": "168",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("with %v: header %s: got %q, want %q", header, name, got, want)
			}
		}
	}
	w := h.public(t, newRequest(t, http.MethodHead, "/.well-known/jwks.json", ""))
	expect(t, "HEAD", w, 200, "")
	w = h.public(t, newRequest(t, http.MethodPost, "/.well-known/jwks.json", ""))
	expect(t, "POST", w, 405, "method_not_allowed")
	r := newRequest(t, http.MethodGet, "/.well-known/jwks.json", "")
	r.Host = "evil.com"
	expect(t, "another host", h.public(t, r), 421, "host_not_allowed")
	w = h.internal(t, newRequest(t, http.MethodGet, "/.well-known/jwks.json", ""))
	expect(t, "the internal listener", w, 404, "not_found")
	none := newHouse(t, func(o *parts) { o.KeySet = nil })
	w = none.public(t, newRequest(t, http.MethodGet, "/.well-known/jwks.json", ""))
	expect(t, "without keys", w, 404, "not_found")
}
