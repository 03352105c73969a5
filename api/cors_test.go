package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOrigin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule    string
		origins []string
		allow   string // empty: refused
	}{
		{"the allowed one", []string{page}, page},
		{"another allowed one", []string{"http://localhost:5173"}, "http://localhost:5173"},
		{"O5 with its default port", []string{page + ":443"}, page},
		{"O2 null", []string{"null"}, ""},
		{"O4 another port", []string{page + ":8443"}, ""},
		{"O8 a name below", []string{"https://evil.app.example.com"}, ""},
		{"O16 two headers, the good one first", []string{page, "https://evil.com"}, ""},
		{"O17 a list", []string{page + ", https://evil.com"}, ""},
		{"an empty one", []string{""}, ""},
	} {
		for _, method := range []string{http.MethodPost, http.MethodOptions} {
			r := newRequest(t, method, "/ws-ticket", "", "Authorization", good)
			r.Header["Origin"] = row.origins
			w := h.public(t, r)
			rule := method + " " + row.rule
			if row.allow == "" {
				expect(t, rule, w, 403, "origin_not_allowed")
				noCORS(t, rule, w)
				continue
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != row.allow || w.Code >= 300 {
				t.Errorf("%s: got %d and allowed %q, want success and %q", rule, w.Code, got, row.allow)
			}
		}
	}
	if h.issued() != 3 {
		t.Errorf("got %d tickets, want 3: none for a page that is refused", h.issued())
	}
}

// TestNoOriginsAllowed: an empty list allows no origin.
func TestNoOriginsAllowed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.Gate.Origins = nil })
	expect(t, "a page", h.post(t, "", "Origin", page), 403, "origin_not_allowed")
	expect(t, "no page", h.post(t, ""), 201, "")
}

// TestOriginGoesBeforeTheCredential: a foreign page learns nothing about bearers.
func TestOriginGoesBeforeTheCredential(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, header := range []string{"", "Bearer bad", good} {
		w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Origin", "https://evil.com", "Authorization", header))
		expect(t, "with "+header, w, 403, "origin_not_allowed")
	}
}

func TestHeadersThatAreNoOrigin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for rule, header := range map[string][]string{
		"O19 X-Forwarded-Host does not name the host":       {"X-Forwarded-Host", "evil.com"},
		"O20 Sec-Fetch-Site takes nothing from a good page": {"Origin", page, "Sec-Fetch-Site", "cross-site"},
		"Referer is not the origin":                         {"Referer", "https://evil.com/"},
	} {
		expect(t, rule, h.post(t, "", header...), 201, "")
	}
	r := newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", good, "X-Forwarded-Host", host)
	r.Host = "evil.com"
	expect(t, "O19 X-Forwarded-Host does not save another host", h.public(t, r), 421, "host_not_allowed")
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.CORSHeaders = []string{"X-Datadog-Trace-Id"} })
	for target, methods := range map[string]struct{ page, all string }{
		"/ws-ticket":              {"POST", "OPTIONS, POST"},
		"/ws-ticket/" + unknownID: {"GET, DELETE", "DELETE, GET, HEAD, OPTIONS"},
	} {
		w := h.public(t, newRequest(t, http.MethodOptions, target, "", "Origin", page,
			"Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "x-evil"))
		expect(t, target, w, 204, "")
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin":  page,
			"Access-Control-Allow-Methods": methods.page,
			"Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-Id, traceparent, tracestate, baggage, sentry-trace, X-Requested-With, Cache-Control, X-Datadog-Trace-Id",
			"Access-Control-Max-Age":       "600",
			"Allow":                        methods.all,
			"Vary":                         "Origin",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: header %s: got %q, want %q", target, name, got, want)
			}
		}
		w = h.public(t, newRequest(t, http.MethodOptions, target, ""))
		expect(t, "without an origin", w, 204, "")
		noCORS(t, "without an origin", w)
		if got, want := w.Header().Get("Allow"), methods.all; got != want {
			t.Errorf("%s: Allow: got %q, want %q", target, got, want)
		}
	}
}

// TestPageReadsRefusals: an allowed page can read the code of a problem.
func TestPageReadsRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Origin", page))
	expect(t, "no credential", w, 401, "missing_credential")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":   page,
		"Access-Control-Expose-Headers": "Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
		"Vary":                          "Origin",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("header %s: got %q, want %q", name, got, want)
		}
	}
	if got := h.post(t, "").Header().Get("Vary"); got != "Origin" {
		t.Errorf("without an origin: Vary: got %q, want Origin", got)
	}
}

func noCORS(t *testing.T, rule string, w *httptest.ResponseRecorder) {
	t.Helper()
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: got %s, want no CORS header", rule, name)
		}
	}
	if got := w.Header().Get("Vary"); got != "Origin" {
		t.Errorf("%s: got Vary %q, want Origin", rule, got)
	}
}
