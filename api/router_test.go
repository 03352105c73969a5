package api_test

import (
	"net/http"
	"testing"

	"wsticket/api"
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
		"/livez", "/readyz", "/metrics", "/openapi.yaml", "/debug/pprof/", "/.well-known/x",
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

// TestInternalIsNotPublic: no path of one listener is on the other.
func TestInternalIsNotPublic(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/ws-ticket", "/ws-ticket/" + unknownID, "/ws", "/", "/livez/", "//livez", "/metrics/x"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := h.internal(t, newRequest(t, method, path, "", "Authorization", good))
			expect(t, method+" "+path, w, 404, "not_found")
		}
	}
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

// TestMethodOverride: V8, nothing turns one method into another.
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
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/openapi.yaml"} {
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
	if got := h.last(t); w.Code != 101 || got.Route != "/ws" || got.Path != "/ws" || got.Status != 101 {
		t.Errorf("got %d and entry %+v, want 101, /ws", w.Code, got)
	}
	elsewhere := newHouse(t, func(o *api.Options) { o.WSPath, o.WebSocket = "/live/ws", http.NotFoundHandler() })
	elsewhere.Public().ServeHTTP(discard{http.Header{}}, newRequest(t, http.MethodGet, "/live/ws", ""))
	if got := elsewhere.last(t).Route; got != "/live/ws" {
		t.Errorf("got route %q, want /live/ws", got)
	}
	without := newHouse(t, func(o *api.Options) { o.WebSocket, o.Metrics = nil, nil })
	expect(t, "no WebSocket", without.public(t, newRequest(t, http.MethodGet, "/ws", "")), 404, "not_found")
	expect(t, "no metrics", without.internal(t, newRequest(t, http.MethodGet, "/metrics", "")), 404, "not_found")
}

// discard is a ResponseWriter for answers that are not looked at.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
