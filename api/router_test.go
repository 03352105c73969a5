package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/api"
	"wsticket/ticket"
)

// TestPaths: no path is cleaned, folded or redirected (GHSA-vrw8-fxc6-2r93,
// GHSA-mqqf-5wvp-8fh8 were redirects of such paths).
func TestPaths(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{
		"/", "//", "//ws", "/ws//", "/ws/../ws", "/./ws", "/%77s", "/ws;x", "/ws%00", "/ws%2f", "/WS", "/ws.", "/wsx",
		"//evil.com/ws", "/ws-ticket/", "//ws-ticket", "/ws-ticket//", "/ws-ticket/" + unknownID + "/", "/ws-ticket/" + unknownID + "/x",
		"/%77s-ticket", "/ws-ticket%2f" + unknownID, "/ws-ticket;" + unknownID, `/ws\`, "/%0alevel=error",
		"/livez", "/startupz", "/readyz", "/metrics", "/openapi.yaml", "/debug/pprof/", "/.well-known/x",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			r := newRequest(t, method, "/", "", "Authorization", good)
			r.URL = mustURL(t, "http://"+host+path)
			w := h.public(t, r)
			expect(t, method+" "+path, w, 404, "not_found")
			if got := w.Header().Get("Location"); got != "" {
				t.Errorf("%s %s: got Location %q, want none", method, path, got)
			}
		}
	}
}

// internalTargets are the paths of the internal router.
func internalTargets() []string {
	return []string{
		"/consume", "/introspect", "/auth/nginx", "/auth/traefik", "/auth/caddy", "/auth/haproxy", "/auth/envoy/ws",
		"/livez", "/startupz", "/readyz", "/metrics", "/openapi.yaml",
	}
}

// spellings are other ways to write a path, which some servers take for the path
// itself (as in oauth2-proxy CVE-2025-54576, CVE-2026-41059).
func spellings(path string) []string {
	return []string{
		"/" + path, path + "/", path + "//", "/." + path, "/x/.." + path, "/ws/.." + path, "/ws-ticket/.." + path,
		"/ws" + path, path + ";x", path + "%00", path + "%20", path + "%2f", path + ".", path + "%0a", "/%2e" + path, "/" + strings.ToUpper(path[1:]),
		"/%" + fmt.Sprintf("%02x", path[1]) + path[2:], `/\` + path[1:], "/x" + path, "//evil.com" + path, path + "/../ws", path + "%3fx",
	}
}

// TestInternalIsNotPublic: no path of one listener is on the other, and none has
// another spelling on its own, even with a key, a trusted peer and the headers by
// which servers rewrite paths.
func TestInternalIsNotPublic(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	made := h.mustIssue(t, "").Ticket
	body := `{"ticket":"` + made + `"}`
	notFound := func(send func(testing.TB, *http.Request) *httptest.ResponseRecorder, rule, method, path string) {
		t.Helper()
		r := newRequest(t, method, "/", body, "Authorization", "Bearer every-key", "Content-Type", asJSON,
			"X-Wsticket-Key", "every-key", "X-Original-Url", "/consume", "X-Rewrite-Url", "/consume", "X-Forwarded-Prefix", "/consume",
			"X-Original-Uri", "/ws?ticket="+made, "X-Forwarded-Uri", "/ws?ticket="+made, "X-Forwarded-Host", host)
		r.URL, r.RequestURI, r.RemoteAddr = mustURL(t, "http://"+host+path), path, proxyAddr
		expect(t, rule+" "+method+" "+path, send(t, r), 404, "not_found")
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, path := range internalTargets() {
			notFound(h.public, "public", method, path)
			for _, spelled := range spellings(path) {
				notFound(h.public, "public", method, spelled)
				// What Envoy puts behind its prefix is the client's path.
				if !strings.HasPrefix(spelled, "/auth/envoy/") {
					notFound(h.internal, "internal", method, spelled)
				}
			}
		}
		for _, path := range []string{"/ws-ticket", "/ws-ticket/" + unknownID, "/ws", "/", "/metrics/x", "/auth", "/auth/", "/auth/envoy", "/auth/apache"} {
			notFound(h.internal, "internal", method, path)
		}
	}
	h.redeems(t, "after all of it", body)
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		path, allow string
		internal    bool
		methods     []string
	}{
		{"/ws-ticket", "OPTIONS, POST", false, []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "post"}},
		{"/ws-ticket/" + unknownID, "DELETE, GET, HEAD, OPTIONS", false, []string{"POST", "PUT", "PATCH", "TRACE", "PROPFIND"}},
		{"/ws-ticket/a%2fb", "DELETE, GET, HEAD, OPTIONS", false, []string{"POST", "PUT"}},
		{"/ws", "GET", false, []string{"POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PROPFIND"}},
		{"/consume", "POST", true, []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post"}},
		{"/introspect", "POST", true, []string{"GET", "HEAD", "OPTIONS"}},
		{"/livez", "GET, HEAD", true, []string{"POST", "OPTIONS", "PUT"}},
		{"/metrics", "GET, HEAD", true, []string{"POST", "OPTIONS"}},
	} {
		for _, method := range row.methods {
			r := newRequest(t, method, row.path, "", "Authorization", good)
			send := h.public
			if row.internal {
				send = h.internal
			}
			w := send(t, r)
			expect(t, method+" "+row.path, w, 405, "method_not_allowed")
			if got := w.Header().Get("Allow"); got != row.allow {
				t.Errorf("%s %s: got Allow %q, want %q", method, row.path, got, row.allow)
			}
		}
	}
	w := h.public(t, newRequest(t, "PROPFIND", "/unknown", ""))
	expect(t, "an unknown method of an unknown path", w, 404, "not_found")
}

// TestMethodOverride: no header turns one method into another (V8).
func TestMethodOverride(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		w := h.public(t, newRequest(t, http.MethodGet, "/ws-ticket?_method=POST", "", "Authorization", good, name, "POST"))
		expect(t, name, w, 405, "method_not_allowed")
	}
}

func TestHeadAnswersAsGet(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/livez", "/startupz", "/readyz", "/metrics", "/openapi.yaml"} {
		get := h.internal(t, newRequest(t, http.MethodGet, path, ""))
		head := h.internal(t, newRequest(t, http.MethodHead, path, ""))
		for _, name := range []string{"Content-Type", "Content-Length"} {
			if got, want := head.Header().Get(name), get.Header().Get(name); head.Code != 200 || got != want {
				t.Errorf("HEAD %s: got %d, %s %q, want 200, %q", path, head.Code, name, got, want)
			}
		}
	}
}

func TestWebSocketIsMounted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.public(t, newRequest(t, http.MethodGet, "/ws?ticket=secret", ""))
	if got := h.last(t); w.Code != 101 || got.HTTP.Route != "/ws" || got.HTTP.Path != "/ws" || got.HTTP.Status != 101 {
		t.Errorf("got %d and event %+v, want 101, /ws", w.Code, got)
	}
	without := newHouse(t, func(o *parts) { o.WebSocket, o.Metrics = nil, nil })
	expect(t, "no WebSocket", without.public(t, newRequest(t, http.MethodGet, "/ws", "")), 404, "not_found")
	expect(t, "no metrics", without.internal(t, newRequest(t, http.MethodGet, "/metrics", "")), 404, "not_found")
}

// TestSocketPaths: each path is matched with and without a slash at its end, a
// template stands for one segment, and nothing is redirected.
func TestSocketPaths(t *testing.T) {
	t.Parallel()
	const chat = "/ws/chat/{room}"
	h := newHouse(t, func(o *parts) { o.WSPaths = []string{"/socket.io/", "/live/ws", chat, "/ws/{a}/in/{b}"} })
	for _, row := range []struct{ path, route string }{
		{"/socket.io", "/socket.io/"},
		{"/socket.io/?EIO=4&transport=websocket", "/socket.io/"},
		{"/live/ws", "/live/ws"},
		{"/live/ws/", "/live/ws"},
		{"/ws/chat/general", chat},
		{"/ws/chat/general/?ticket=x", chat},
		{"/ws/chat/a.b", chat},
		{"/ws/chat/caf%C3%A9", chat},
		{"/ws/chat/a%20b%25c", chat},
		{"/ws/chat/a;b=c", chat},
		{"/ws/x/in/y/", "/ws/{a}/in/{b}"},
	} {
		w := httptest.NewRecorder() // the document has the default path only
		if h.Public().ServeHTTP(w, newRequest(t, http.MethodGet, row.path, "")); w.Code != 101 || h.last(t).HTTP.Route != row.route {
			t.Errorf("%s: got %d at %q, want 101 at %q", row.path, w.Code, h.last(t).HTTP.Route, row.route)
		}
	}
	for _, path := range []string{
		"/ws", "/ws/chat", "/ws/chat/", "/ws/chat//", "/ws/chat/a//", "/ws/chat/a/b", "/ws/chat/.", "/ws/chat/..", "/ws/chat/..;",
		"/ws/chat/%2e%2e", "/ws/chat/a%2fb", "/ws/chat/..%2f..%2fadmin", "/ws/chat/a%5cb", "/ws/chat/%00", "/ws/chat/a%0ab",
		`/ws/chat/a\b`, "/ws//in/y", "/ws/x/in//", "//ws/chat/a", "/socket.io//", "/socketxio", "/live", "/live/",
	} {
		r := newRequest(t, http.MethodGet, "/", "")
		r.URL = mustURL(t, "http://"+host+path)
		w := h.public(t, r)
		expect(t, path, w, 404, "not_found")
		if got := w.Header().Get("Location"); got != "" {
			t.Errorf("%s: got Location %q, want none", path, got)
		}
	}
}

// A route that a program adds is one as the others: its errors are answered by the same
// table, and it is in the log.
func TestAddedRoutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(p *parts) {
		p.Trial = []api.Route{{Method: http.MethodPost, Pattern: "/demo/{name}", Serve: func(w http.ResponseWriter, r *http.Request) error {
			if r.URL.Path == "/demo/bad" {
				return ticket.WithDetail(ticket.ErrInvalidRequest, "name: must be good")
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		}}}
	})
	for path, want := range map[string]ticket.Event{
		"/demo/good": {HTTP: ticket.HTTPAnswer{Status: http.StatusNoContent}, Outcome: "ok", Reason: "ok"},
		"/demo/bad":  {HTTP: ticket.HTTPAnswer{Status: http.StatusBadRequest}, Outcome: "refused", Reason: "invalid_request"},
	} {
		w := httptest.NewRecorder()
		h.Public().ServeHTTP(w, newRequest(t, http.MethodPost, path, ""))
		e := h.last(t)
		if w.Code != want.HTTP.Status || e.HTTP.Route != "/demo/{name}" || e.HTTP.Status != w.Code || e.Outcome != want.Outcome || e.Reason != want.Reason {
			t.Errorf("%s: %d, event %+v, want %+v", path, w.Code, e, want)
		}
	}
}
