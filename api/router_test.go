package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPaths: no path is cleaned, folded or redirected (GHSA-vrw8-fxc6-2r93,
// GHSA-mqqf-5wvp-8fh8 were redirects of such paths).
func TestPaths(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{
		"/", "//", "//ws", "/ws/", "/ws//", "/ws/../ws", "/./ws", "/%77s", "/ws;x", "/ws%00", "/ws%2f", "/WS", "/ws.", "/wsx",
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
	elsewhere := newHouse(t, func(o *parts) { o.WSPath, o.WebSocket = "/live/ws", http.NotFoundHandler() })
	elsewhere.Public().ServeHTTP(discard{http.Header{}}, newRequest(t, http.MethodGet, "/live/ws", ""))
	if got := elsewhere.last(t).HTTP.Route; got != "/live/ws" {
		t.Errorf("got route %q, want /live/ws", got)
	}
	without := newHouse(t, func(o *parts) { o.WebSocket, o.Metrics = nil, nil })
	expect(t, "no WebSocket", without.public(t, newRequest(t, http.MethodGet, "/ws", "")), 404, "not_found")
	expect(t, "no metrics", without.internal(t, newRequest(t, http.MethodGet, "/metrics", "")), 404, "not_found")
}

// discard is a ResponseWriter that drops the answer.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
