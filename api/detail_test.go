package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// told checks the detail of the last answer, and the attributes of its line in
// the log.
func (h *house) told(t *testing.T, rule string, w *httptest.ResponseRecorder, detail, attrs string) {
	t.Helper()
	if got := detailOf(w); got != detail {
		t.Errorf("%s: got detail %q, want %q", rule, got, detail)
	}
	if got := fmt.Sprint(h.last(t).Attrs); got != "["+attrs+"]" {
		t.Errorf("%s: got attributes %s, want [%s]", rule, got, attrs)
	}
}

// TestIssueDetails: a refused body names the member and its rule, and repeats
// nothing of the body. The log has the value.
func TestIssueDetails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct{ body, detail, attrs string }{
		{`{"ttl":31}`, "ttl: at most 30", "ttl=31s expected=[1s to 30s]"},
		{`{"ttl":0}`, "ttl: must be a whole number of seconds, at least 1", "member=ttl fault=ttl: must be a whole number of seconds, at least 1"},
		{`{"ttl":"30"}`, "ttl: must be a whole number of seconds, at least 1", "member=ttl fault=ttl: must be a whole number of seconds, at least 1"},
		{`{"tll":10}`, "unknown member; known are audience, scope, ttl", "member=tll fault=unknown member; known are audience, scope, ttl"},
		{`{"z":1,"a":1}`, "unknown member; known are audience, scope, ttl", "member=a fault=unknown member; known are audience, scope, ttl"},
		{`{"` + unknownToken + `":1}`, "unknown member; known are audience, scope, ttl", "member=[redacted] fault=unknown member; known are audience, scope, ttl"},
		{`{"audience":""}`, "audience: must be a text that is not empty", "member=audience fault=audience: must be a text that is not empty"},
		{`{"audience":["chat"]}`, "body: nested too deep", "fault=body: nested too deep"},
		{`{"audience":"admin"}`, "audience: not one that this service has", "audience=admin expected=[chat feed]"},
		{`{"scope":null}`, "scope: must be a text that is not empty", "member=scope fault=scope: must be a text that is not empty"},
		{`{"scope":"admin"}`, "scope: wider than that of the bearer", "scope=admin expected=[chat.read chat.write]"},
		{`{"scope":"chat.read  chat.write"}`, "scope: must be words of visible ASCII without quotes, with one blank between them", ""},
		{`{`, "body: not exactly one JSON value", "fault=body: not exactly one JSON value"},
		{`[]`, "body: not an object", "fault=body: not an object"},
		{`{"ttl":1,"ttl":2}`, "body: names that are equal or differ only by case", "fault=body: names that are equal or differ only by case"},
		{"{\"scope\":\"\xff\"}", "body: not valid UTF-8", "fault=body: not valid UTF-8"},
		{strings.Repeat(" ", 4097), "body: at most 4096 bytes", ""},
	} {
		h.told(t, row.body, h.post(t, row.body), row.detail, row.attrs)
	}
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "{}", "Authorization", good, "Content-Type", "text/plain"))
	h.told(t, "a type", w, "Content-Type: must be application/json", "header=Content-Type value=text/plain expected=[must be application/json]")
	w = h.post(t, "{}", "Content-Encoding", "gzip")
	h.told(t, "an encoding", w, "Content-Encoding: must be absent", "header=Content-Encoding value=gzip expected=[must be absent]")
	w = h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", short))
	h.told(t, "whoever holds a bearer learns no more about it", w, "", "left=4.9s expected=[5s or more]")
}

func TestConsumeDetails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct{ body, detail, attrs string }{
		{"", "body: missing", "fault=body: missing"},
		{"{}", "ticket: required", "member=ticket fault=ticket: required"},
		{`{"token":"x"}`, "unknown member; known are ticket, attempt, audience, origin, client_ip", "member=token fault=unknown member; known are ticket, attempt, audience, origin, client_ip"},
		{`{"ticket":""}`, "ticket: must be a text that is not empty", "member=ticket fault=ticket: must be a text that is not empty"},
		{`{"ticket":"x","attempt":"a b"}`, "attempt: must be 1 to 64 visible characters of ASCII", "member=attempt fault=attempt: must be 1 to 64 visible characters of ASCII"},
		{`{"ticket":"x","client_ip":"192.0.2.1:80"}`, "client_ip: must be an IP address without port and zone", "member=client_ip fault=client_ip: must be an IP address without port and zone"},
		{`{"ticket":"x","audience":"admin"}`, "audience: not one that this service has", "audience=admin expected=[chat feed] member=audience fault=audience: not one that this service has"},
		{`{"ticket":"x","origin":"https://evil.example"}`, "", "origin=https://evil.example expected=[http://localhost:5173 https://app.example.com]"},
	} {
		h.told(t, row.body, h.consume(t, row.body), row.detail, row.attrs)
	}
	w := h.internal(t, newRequest(t, http.MethodPost, "/consume", "ticket=x", "Authorization", "Bearer consume-key", "Content-Type", asForm))
	h.told(t, "a form", w, "Content-Type: must be application/json", "header=Content-Type value="+asForm+" expected=[must be application/json]")
	w = h.internal(t, newRequest(t, http.MethodPost, "/introspect", "ticket=x", "Authorization", "Bearer introspect-key", "Content-Type", asForm))
	h.told(t, "another parameter", w, "token: required", "member=token fault=token: required")
	w = h.internal(t, newRequest(t, http.MethodPost, "/introspect", "token=x&token=y", "Authorization", "Bearer introspect-key", "Content-Type", asForm))
	h.told(t, "a parameter twice", w, "body: a parameter stands twice", "fault=body: a parameter stands twice")
}

// TestCallerDetails: a refused caller of the internal listener is told why.
func TestCallerDetails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	post := func(target, key string) *httptest.ResponseRecorder {
		return h.internal(t, newRequest(t, http.MethodPost, target, "{}", "Authorization", "Bearer "+key, "Content-Type", asJSON))
	}
	h.told(t, "a key for something else", post("/consume", "introspect-key"), "the key needs the scope consume", "needs=consume scope=introspect")
	h.told(t, "an unknown key", post("/consume", "guess"), "", "setting=internal.api_keys")
	h.told(t, "a parameter", post("/consume?a=b", "consume-key"), "query: there are no parameters here", "fault=query: there are no parameters here")
	r := askers()["nginx"].ask(t, "/ws")
	r.RemoteAddr = "192.0.2.9:4711"
	h.told(t, "a proxy that nobody has named", h.internal(t, r), "", "peer=192.0.2.9 setting=internal.forward_auth_peers")
}

// TestSessionDetails: what a request with a session cookie lacks.
func TestSessionDetails(t *testing.T) {
	t.Parallel()
	h, _ := newSessions(t, nil)
	for _, row := range []struct {
		method        string
		header        []string
		detail, attrs string
	}{
		{http.MethodPost, []string{"Content-Type", asJSON}, "Origin: required with a session cookie", "header=Origin value= expected=[required with a session cookie]"},
		{http.MethodPost, []string{"Origin", page}, "Content-Type: must be application/json with a session cookie, also without a body", "header=Content-Type value= expected=[must be application/json with a session cookie, also without a body]"},
		{http.MethodGet, []string{"Sec-Fetch-Site", "cross-site"}, "Sec-Fetch-Site: must not be that of another site", "header=Sec-Fetch-Site value=cross-site expected=[must not be that of another site]"},
	} {
		target := "/ws-ticket"
		if row.method == http.MethodGet {
			target += "/" + unknownID
		}
		w := h.public(t, newRequest(t, row.method, target, "", append(row.header, "Cookie", alices)...))
		expect(t, row.detail, w, 403, "origin_not_allowed")
		h.told(t, row.detail, w, row.detail, row.attrs)
	}
}
