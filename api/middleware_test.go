package api_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"wsticket/ticket"
)

func TestHost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule, host string
		ok         bool
	}{
		{"the configured one", host, true},
		{"in capitals", "API.example.com", true},
		{"with a port", host + ":8080", true},
		{"H8 another", "evil.com", false},
		{"H8 none", "", false},
		{"an address", "127.0.0.1", false},
	} {
		for _, path := range []string{"/ws-ticket", "/ws", "/unknown"} {
			r := newRequest(t, http.MethodOptions, path, "")
			r.Host = row.host
			if w := h.public(t, r); (w.Code != 421) != row.ok {
				t.Errorf("%s, %s: got %d, want allowed to be %t", row.rule, path, w.Code, row.ok)
			}
		}
	}
}

// TestInternalHost: DNS rebinding needs a name that a foreign name server answers
// for.
func TestInternalHost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for name, ok := range map[string]bool{
		host: true, "127.0.0.1:8081": true, "127.0.0.1": true, "10.1.2.3:8081": true, "[::1]:8081": true, "[::1]": true,
		"localhost:8081": true, "wsticket:8081": true,
		"evil.com": false, "evil.com:8081": false, "127.0.0.1.evil.com": false, "localhost.": false, "": false, ":8081": false,
	} {
		r := newRequest(t, http.MethodGet, "/openapi.yaml", "")
		r.Host = name
		if w := h.internal(t, r); (w.Code == 200) != ok || !ok && w.Code != 421 {
			t.Errorf("%q: got %d, want allowed to be %t", name, w.Code, ok)
		}
	}
}

func TestHSTS(t *testing.T) {
	t.Parallel()
	const year = "max-age=31536000"
	for _, row := range []struct {
		rule, public string
		tls          bool
		want         string
	}{
		{"over TLS", "", true, year},
		{"over TLS at a proxy", "https://" + host, false, year},
		{"over TLS at a proxy, as a WebSocket's URL", "wss://" + host, false, year},
		{"in clear it would be ignored", "", false, ""},
		{"in clear by configuration", "http://" + host, false, ""},
	} {
		h := newHouse(t, func(o *parts) {
			if row.public != "" {
				o.PublicURL = row.public
			}
		})
		for _, path := range []string{"/ws-ticket", "/unknown"} {
			r := newRequest(t, http.MethodGet, path, "")
			if row.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if got := h.public(t, r).Header().Get("Strict-Transport-Security"); got != row.want {
				t.Errorf("%s, %s: got %q, want %q", row.rule, path, got, row.want)
			}
		}
	}
}

// secretError is a panic value with a secret.
type secretError struct{}

func (secretError) Error() string { return "wst1_SECRET" }

func TestPanic(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule     string
		value    any
		typeName string
	}{
		{"an error", secretError{}, "api_test.secretError"},
		{"a text", "wst1_SECRET", "string"},
		{"a wrapped error", errors.Join(secretError{}), "*errors.joinError"},
	} {
		h := newHouse(t, func(o *parts) {
			o.Gate.Authenticator = authenticate(func(string) (ticket.Identity, error) { panic(row.value) })
		})
		r := newRequest(t, http.MethodPost, "/ws-ticket?x=SECRET", "SECRET", "Authorization", "Bearer SECRET", "X-Request-Id", "r-1")
		r.RemoteAddr = proxyAddr
		w := h.public(t, r)
		expect(t, row.rule, w, 500, "internal")
		h.became(t, row.rule, "error", "panic")
		for _, part := range []string{`"type":"` + row.typeName + `"`, `"request_id":"r-1"`, "middleware_test.go:", "api_test.TestPanic.func"} {
			if !strings.Contains(h.log(), part) {
				t.Errorf("%s: got log %s, want %s in it", row.rule, h.log(), part)
			}
		}
		if strings.Contains(h.log()+w.Body.String(), "SECRET") {
			t.Errorf("%s: got log %s and answer %s, want nothing of the value or the request", row.rule, h.log(), w.Body)
		}
	}
}

// TestPanicAfterTheAnswer: an incomplete answer must not look complete.
func TestPanicAfterTheAnswer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule   string
		fail   func(http.ResponseWriter)
		logged bool
	}{
		{"a panic", func(w http.ResponseWriter) {
			_, _ = w.Write([]byte("half"))
			panic("x")
		}, true},
		{"net/http's own way to end a connection", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, false},
	} {
		h := newHouse(t, func(o *parts) {
			o.WebSocket = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { row.fail(w) })
		})
		func() {
			defer func() {
				if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // A panic value is compared as it is.
					t.Errorf("%s: got panic %v, want %v", row.rule, got, http.ErrAbortHandler)
				}
			}()
			h.Public().ServeHTTP(httptest.NewRecorder(), newRequest(t, http.MethodGet, "/ws", ""))
		}()
		if got := h.log() != ""; got != row.logged {
			t.Errorf("%s: got logged %t, want %t", row.rule, got, row.logged)
		}
	}
}

// TestRequestID: the ID of a trusted proxy, or else of ours, is that of answer,
// problem and event, on both listeners. What IDs are kept is gate's business.
func TestRequestID(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		peer, id string
		kept     bool
	}{
		{proxyAddr, "r-1", true},
		{proxyAddr, unknownToken, false},
		{proxyAddr, "x level=error", false},
		{"203.0.113.1:1", "r-1", false},
		{"203.0.113.1:1", unknownToken, false},
		{"127.0.0.1:1", "r-1", false},
	} {
		for _, to := range []http.Handler{h.Public(), h.Internal()} {
			r := newRequest(t, http.MethodGet, "/nowhere", "", "X-Request-Id", row.id)
			r.RemoteAddr = row.peer
			w := h.send(t, to, r)
			got := w.Header().Get("X-Request-Id")
			if (got == row.id) != row.kept || h.last(t).Request.ID != got || !strings.Contains(w.Body.String(), `"request_id":"`+got+`"`) {
				t.Errorf("%+v: got %q, %s and event %q", row, got, w.Body, h.last(t).Request.ID)
			}
		}
	}
}

// TestRequestEvents: each request is an event.
func TestRequestEvents(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		method, path, route, outcome, reason string
		status                               int
	}{
		{"GET", "/unknown", "", "refused", "no_route", 404},
		{"PUT", "/ws-ticket", "", "refused", "method_not_allowed", 405},
		{"POST", "/ws-ticket", "/ws-ticket", "refused", "missing_credential", 401},
		{"OPTIONS", "/ws-ticket", "/ws-ticket", "preflight", "ok", 204},
	} {
		w := h.public(t, newRequest(t, row.method, row.path, "", "X-Forwarded-For", "203.0.113.5"))
		want := ticket.Event{
			Kind: ticket.EventRequest, At: noon(), Outcome: row.outcome, Reason: row.reason,
			Request: ticket.RequestInfo{ID: w.Header().Get("X-Request-Id"), ClientIP: netip.MustParseAddr("192.0.2.1")},
			HTTP:    ticket.HTTPAnswer{Method: row.method, Path: row.path, Route: row.route, Scheme: "http", Status: row.status},
		}
		if got := h.last(t); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s %s: got %+v, want %+v", row.method, row.path, got, want)
		}
	}
}
