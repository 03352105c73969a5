package api_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/api"
	"wsticket/ticket"
)

// fails is a check that fails with err.
func fails(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func TestLive(t *testing.T) {
	t.Parallel()
	away := fails(errors.New("away"))
	h := newHouse(t, func(o *parts) { o.Started, o.Ready = away, away })
	w := h.internal(t, newRequest(t, http.MethodGet, "/livez", ""))
	if got := w.Body.String(); w.Code != 200 || got != `{"status":"ok"}` {
		t.Errorf("got %d %s, want 200: the process is well whatever the store is", w.Code, got)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	well := fails(nil)
	for _, row := range []struct {
		rule           string
		started, ready func(context.Context) error
		detail         string
		startup, want  int
	}{
		{"nothing to ask", nil, nil, "", 200, 200},
		{"all is well", well, well, "", 200, 200},
		{"it is starting", fails(errors.New("dial SECRET")), well, "", 503, 503},
		{"it lacks something", well, fails(errors.New("dial SECRET")), "", 200, 503},
		{"it says what it lacks", well, fails(ticket.WithDetail(errors.New("dial SECRET"), "draining")), "draining", 200, 503},
	} {
		h := newHouse(t, func(o *parts) { o.Started, o.Ready = row.started, row.ready })
		if w := h.internal(t, newRequest(t, http.MethodGet, "/startupz", "")); w.Code != row.startup {
			t.Errorf("%s: got %d at /startupz, want %d", row.rule, w.Code, row.startup)
		}
		w := h.internal(t, newRequest(t, http.MethodGet, "/readyz", ""))
		if row.want == 200 {
			expect(t, row.rule, w, 200, "")
			if got := w.Body.String(); got != `{"status":"ok"}` {
				t.Errorf("%s: got %s, want ok", row.rule, got)
			}
			continue
		}
		expect(t, row.rule, w, 503, "unavailable")
		h.became(t, row.rule, "error", "not_ready")
		if got := w.Header().Get("Retry-After"); got != "1" {
			t.Errorf("%s: got Retry-After %q, want 1", row.rule, got)
		}
		if got := detailOf(w); got != row.detail {
			t.Errorf("%s: got detail %q, want %q", row.rule, got, row.detail)
		}
		if strings.Contains(w.Body.String()+h.log(), "SECRET") {
			t.Errorf("%s: got %s and log %s, want nothing of the error", row.rule, w.Body, h.log())
		}
	}
}

// TestStartedOnce: what was there once may go away again.
func TestStartedOnce(t *testing.T) {
	t.Parallel()
	err := errors.New("no keys")
	h := newHouse(t, func(o *parts) { o.Started = func(context.Context) error { return err } })
	ask := func(rule string, want int) {
		t.Helper()
		for _, path := range []string{"/readyz", "/startupz"} {
			if w := h.internal(t, newRequest(t, http.MethodGet, path, "")); w.Code != want {
				t.Errorf("%s: got %d at %s, want %d", rule, w.Code, path, want)
			}
		}
	}
	ask("before", 503)
	err = nil
	ask("with keys", 200)
	err = errors.New("no keys any more")
	ask("after", 200)
}

// TestReadyWaitsASecond: what it asks has 1 s to answer.
func TestReadyWaitsASecond(t *testing.T) {
	t.Parallel()
	hangs := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	starting := newHouse(t, func(o *parts) { o.Started = hangs })
	started := newHouse(t, func(o *parts) { o.Ready = hangs })
	loadDocument(t) // is read outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		for path, h := range map[string]*house{"/startupz": starting, "/readyz": started, "/readyz?verbose": started} {
			start := time.Now()
			w := h.internal(t, newRequest(t, http.MethodGet, path, ""))
			if w.Code != 503 || time.Since(start) != time.Second {
				t.Errorf("%s: got %d after %s, want 503 after 1s", path, w.Code, time.Since(start))
			}
		}
	})
}

// TestProbesOfAnyHost: balancers and kubelets send what they like as Host.
func TestProbesOfAnyHost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, name := range []string{"", ":8081", "10.1.2.3", "10.1.2.3:8081", "[fd00::1]:8081", "evil.com", "a.b.c.elb.example"} {
		for _, path := range []string{"/livez", "/startupz", "/readyz", "/readyz?x=1"} {
			for where, handler := range map[string]http.Handler{"internal": h.Internal(), "health": h.Health()} {
				r := newRequest(t, http.MethodGet, path, "")
				r.Host = name
				if w := h.send(t, handler, r); w.Code != 200 {
					t.Errorf("%s of %q at %s: got %d, want 200", path, name, where, w.Code)
				}
			}
		}
	}
	r := newRequest(t, http.MethodGet, "/readyz?verbose", "")
	r.Host = "evil.com"
	expect(t, "a foreign page does not read the dependencies", h.internal(t, r), 421, "host_not_allowed")
}

// TestHealthListener: it has the probes and nothing else.
func TestHealthListener(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.Dependencies = dependencies })
	for _, path := range []string{"/", "/metrics", "/openapi.yaml", "/consume", "/introspect", "/ws", "/ws-ticket", "/auth/nginx", "/livez/"} {
		w := h.send(t, h.Health(), newRequest(t, http.MethodGet, path, "", "Authorization", "Bearer every-key"))
		expect(t, path, w, 404, "not_found")
	}
	w := h.send(t, h.Health(), newRequest(t, http.MethodGet, "/readyz?verbose", ""))
	if got := w.Body.String(); w.Code != 200 || got != `{"status":"ok"}` {
		t.Errorf("got %d %s, want no dependencies there", w.Code, got)
	}
}

func dependencies() []api.Dependency {
	return []api.Dependency{
		{Name: "redis", Kind: "store", State: api.DependencyFailing, Since: noon(), Cause: "connection refused"},
		{Name: "https://id.example.com", Kind: "keys", State: api.DependencyOK, Since: noon().Add(-time.Hour)},
		{Name: "https://b.example.com", Kind: "keys", State: api.DependencyUnknown},
	}
}

func TestVerbose(t *testing.T) {
	t.Parallel()
	const list = `"dependencies":[{"name":"redis","kind":"store","state":"failing","since":"2026-11-23T12:00:00Z","cause":"connection refused"},` +
		`{"name":"https://id.example.com","kind":"keys","state":"ok","since":"2026-11-23T11:00:00Z"},` +
		`{"name":"https://b.example.com","kind":"keys","state":"unknown"}]}`
	for _, row := range []struct {
		rule, target string
		ready        error
		some         bool
		status       int
		body         string
	}{
		{"all of them", "/readyz?verbose", nil, true, 200, `{"status":"ok",` + list},
		{"as a value", "/readyz?verbose=1", nil, true, 200, `{"status":"ok",` + list},
		{"while it stops", "/readyz?verbose", ticket.WithDetail(errors.New("x"), "draining"), true, 503, `{"status":"unavailable","detail":"draining",` + list},
		{"where there are none", "/readyz?verbose", nil, false, 200, `{"status":"ok","dependencies":[]}`},
	} {
		h := newHouse(t, func(o *parts) {
			o.Ready = fails(row.ready)
			if row.some {
				o.Dependencies = dependencies
			}
		})
		w := h.internal(t, newRequest(t, http.MethodGet, row.target, ""))
		if got := w.Body.String(); w.Code != row.status || got != row.body {
			t.Errorf("%s: got  %d %s\nwant %d %s", row.rule, w.Code, got, row.status, row.body)
		}
	}
}

// TestVerboseIsGuardedLikeMetrics: where strangers may reach the listener, they
// learn no names.
func TestVerboseIsGuardedLikeMetrics(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.GuardMetrics = true })
	for _, row := range []struct {
		rule, local, key string
		certified        bool
		status           int
	}{
		{"a stranger", "192.0.2.7:8081", "", false, 401},
		{"a key for something else", "192.0.2.7:8081", "consume-key", false, 403},
		{"a key to read", "192.0.2.7:8081", "read-key", false, 200},
		{"a certificate", "192.0.2.7:8081", "", true, 200},
		{"this machine", "192.0.2.1:8081", "", false, 200},
	} {
		r := newRequest(t, http.MethodGet, "/readyz?verbose", "")
		if row.certified {
			r = verified(r, &x509.Certificate{Subject: pkix.Name{CommonName: "scraper"}})
		}
		if row.key != "" {
			r.Header.Set("Authorization", "Bearer "+row.key)
		}
		local := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(row.local))
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
		if w := h.internal(t, r); w.Code != row.status {
			t.Errorf("%s: got %d, want %d", row.rule, w.Code, row.status)
		}
	}
	expect(t, "a plain probe needs none", h.internal(t, newRequest(t, http.MethodGet, "/readyz", "")), 200, "")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.internal(t, newRequest(t, http.MethodGet, "/metrics", ""))
	if got := w.Body.String(); w.Code != 200 || got != "wsticket_up 1\n" {
		t.Errorf("got %d %q, want what the handler says", w.Code, got)
	}
}
