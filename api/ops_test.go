package api_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"strings"
	"testing"
	"time"

	"wsticket/api"
	"wsticket/ticket"
)

// The page and its files are for everybody who reaches the internal listener by a name
// that is its own, and for nobody on the public one.
func TestOpsPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/ops", "/ops/main.js", "/ops/page.css"} {
		w := h.internal(t, newRequest(t, http.MethodGet, path, ""))
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%s: got %d %s, want the page", path, w.Code, w.Header().Get("Content-Type"))
		}
		r := newRequest(t, http.MethodGet, path, "")
		r.Host = "rebound.example.net"
		expect(t, path+" at a foreign host", h.internal(t, r), 421, "host_not_allowed")
		expect(t, path+" in public", h.public(t, newRequest(t, http.MethodGet, path, "")), 404, "not_found")
		expect(t, "POST "+path, h.internal(t, newRequest(t, http.MethodPost, path, "")), 405, "method_not_allowed")
	}
	expect(t, "below the files", h.internal(t, newRequest(t, http.MethodGet, "/ops/a/b", "")), 404, "not_found")
	bare := newHouse(t, func(o *parts) { o.Ops, o.Timelines = nil, nil })
	for _, path := range []string{"/ops", "/ops/main.js", "/ops/access", "/ops/tickets/" + idA} {
		w := bare.internal(t, newRequest(t, http.MethodGet, path, "", "Authorization", "Bearer read-key"))
		expect(t, "without a page: "+path, w, 404, "not_found")
	}
}

func TestOpsAccess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule, key, want string
	}{
		{"no key", "", `{"scopes":[],"all_audiences":true,"trail":false}`},
		{"a key to read", "read-key", `{"caller":"key:for-read","scopes":["read"],"all_audiences":true,"trail":false}`},
		{"a key of one audience", "ops-key", `{"caller":"key:ops","scopes":["revoke","read"],"all_audiences":false,"trail":false}`},
	} {
		r := newRequest(t, http.MethodGet, "/ops/access", "")
		if row.key != "" {
			r.Header["Authorization"] = []string{"Bearer " + row.key}
		}
		if w := h.internal(t, r); w.Code != 200 || w.Body.String() != row.want {
			t.Errorf("%s: got %d %s, want %s", row.rule, w.Code, w.Body, row.want)
		}
	}
	w := h.internal(t, verified(newRequest(t, http.MethodGet, "/ops/access", ""), &x509.Certificate{Subject: pkix.Name{CommonName: "ops"}}))
	if want := `{"caller":"cert:ops","scopes":["consume","introspect","revoke","read"],"all_audiences":true,"trail":false}`; w.Body.String() != want {
		t.Errorf("a certificate: got %s, want %s", w.Body, want)
	}
	expect(t, "a wrong key", h.keyed(t, http.MethodGet, "/ops/access", "wrong"), 401, "invalid_token")
	expect(t, "a key in the URL", h.internal(t, newRequest(t, http.MethodGet, "/ops/access?key=x", "")), 400, "credential_in_url")
	limited := newHouse(t, func(o *parts) { o.KeyLimit = perMinute(1) })
	limited.keyed(t, http.MethodGet, "/ops/access", "wrong")
	expect(t, "many guesses", limited.keyed(t, http.MethodGet, "/ops/access", "wrong"), 429, "rate_limited")
}

func TestOpsTicket(t *testing.T) {
	t.Parallel()
	var asked ticket.ID
	h := newHouse(t, func(o *parts) {
		o.Timelines = timelines(func(id ticket.ID) api.Timeline {
			asked = id
			return api.Timeline{Source: api.TimelineOfProcess, Started: noon(), Since: noon().Add(time.Minute), LeftOut: 2, Events: []api.TimelineEvent{
				{At: noon(), Kind: ticket.EventDisconnect, Reason: "ok", Seconds: 1.5, CloseCode: 4003, ClosedBy: ticket.ByServer},
			}}
		})
	})
	w := h.keyed(t, http.MethodGet, "/ops/tickets/"+idA, "read-key")
	want := `{"source":"process","started":"2026-11-23T12:00:00Z","since":"2026-11-23T12:01:00Z","left_out":2,"events":[` +
		`{"at":"2026-11-23T12:00:00Z","kind":"disconnect","reason":"ok","seconds":1.5,"close_code":4003,"closed_by":"relay"}]}`
	if w.Code != 200 || w.Body.String() != want || asked != idA {
		t.Errorf("got %d %s of %s, want %s", w.Code, w.Body, asked, want)
	}
	for _, row := range []struct {
		rule, path, key string
		status          int
		code            string
	}{
		{"no such ID", "/ops/tickets/x", "read-key", 404, "not_found"},
		{"another scope", "/ops/tickets/" + idA, "revoke-key", 403, "insufficient_scope"},
		{"a key of one audience", "/ops/tickets/" + idA, "ops-key", 403, "insufficient_scope"},
		{"a wrong key", "/ops/tickets/" + idA, "wrong", 401, "invalid_token"},
		{"a parameter", "/ops/tickets/" + idA + "?x=y", "read-key", 400, "invalid_request"},
	} {
		expect(t, row.rule, h.keyed(t, http.MethodGet, row.path, row.key), row.status, row.code)
	}
	expect(t, "no key", h.internal(t, newRequest(t, http.MethodGet, "/ops/tickets/"+idA, "")), 401, "missing_credential")
}
