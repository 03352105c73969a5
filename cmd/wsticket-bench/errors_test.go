package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/internal/test"
)

// TestErrors plays servers that fail in every way, and checks what is reported
// of ten requests.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, storm string
		ticket      http.HandlerFunc
		socket      string // the answer to the handshake, byte for byte
		want        string // the kind of all failures; empty for success
		hint        string
	}{
		{"limits are on", "issue", answers(429, `{"code":"rate_limited"}`), "", "429 rate_limited", "limits.per_subject"},
		{"the store is down", "issue", answers(503, `{"code":"unavailable"}`), "", "503 unavailable", "the store did not answer"},
		{"the bearer is refused", "issue", answers(401, `{"code":"invalid_bearer"}`), "", "401 invalid_bearer", "wsticket token"},
		{"a proxy answers in its own words", "issue", answers(502, "<html>Bad Gateway"), "", "status 502", ""},
		{"a redirect is not followed", "issue", answers(307, ""), "", "status 307", ""},
		{"a code that is no code is not repeated", "issue", answers(400, `{"code":"canary canary"}`), "", "status 400", ""},
		{"200 is no ticket", "issue", answers(200, `{}`), "", "status 200", ""},
		{"the connection is closed", "issue", sends(""), "", "connection closed", ""},
		{"no HTTP", "issue", sends("SSH-2.0-OpenSSH\r\n\r\n"), "", "unreadable answer", ""},
		{"an endless answer", "issue", sends("HTTP/1.1 201 Created\r\n\r\n" + strings.Repeat("x", 1<<17)), "", "unreadable answer", ""},
		{"no answer in time", "issue", never, "", "timeout", ""},

		{"no tickets to redeem", "redeem", answers(429, `{"code":"rate_limited"}`), "", "issue: 429 rate_limited", "limits.per_address"},
		{"a ticket without a url", "redeem", answers(201, `{"ticket":"x"}`), "", "issue: answer without a url", ""},
		{"the ticket is refused", "redeem", grants, "HTTP/1.1 401 X\r\nContent-Length: 25\r\n\r\n" + `{"code":"invalid_ticket"}`, "401 invalid_ticket", ""},
		{"the handshake is cut", "redeem", grants, "HTTP/1.1 101 Swit", "connection closed", ""},
		{"redeemed", "redeem", grants, switching, "", ""},

		{"no greeting", "connect", grants, switching, "greeting: connection closed", ""},
		{"closed instead of greeted", "connect", grants, switching + "\x88\x02\x03\xf5", "greeting: close 1013", ""},
		{"closed without a code", "connect", grants, switching + "\x88\x00", "greeting: close without a code", ""},
		{"a greeting that is masked", "connect", grants, switching + "\x81\x82\x00\x00\x00\x00hi", "greeting: unreadable greeting", ""},
		{"greeted after a ping", "connect", grants, switching + "\x89\x01!\x81\x02hi", "", ""},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("POST /ws-ticket", row.ticket)
			mux.HandleFunc("GET /chat", sends(row.socket))
			server := httptest.NewServer(mux)
			defer server.Close()
			timeout := "30s" // a busy machine must not fail the other rows
			if row.want == "timeout" {
				timeout = "300ms"
			}
			text, errs, status := bench(t, "canary.bearer.x", "--url", server.URL, "--bearer-file", "-",
				"--storm", row.storm, "--count", "10", "--callers", "3", "--warm-up", "0s", "--duration", "500ms", "--timeout", timeout)
			_, failures, any := strings.Cut(text, "\nerrors\n")
			if any != (row.want != "") || !strings.HasPrefix(failures, fmt.Sprintf("%9s  %s: ", row.storm, row.want)) && any {
				t.Errorf("errors are %q, want %q", failures, row.want)
			}
			if strings.Contains(failures, "hint: ") != (row.hint != "") || !strings.Contains(failures, row.hint) {
				t.Errorf("no hint of %q in %q", row.hint, failures)
			}
			if failed := strings.Contains(errs, row.storm+": nothing succeeded"); failed != any || (status == 1) != any {
				t.Errorf("wsticket-bench = %d, %q", status, errs)
			}
			if strings.Contains(text+errs, "canary") {
				t.Errorf("the output repeats a secret:\n%s%s", text, errs)
			}
		})
	}
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func grants(w http.ResponseWriter, _ *http.Request) {
	answers(http.StatusCreated, `{"url":"wss://elsewhere.example/chat?t=canary","ticket":"canary"}`)(w, nil)
}

// never answers: it waits until the client has left.
func never(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

// sends writes bytes and closes the connection.
func sends(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, text)
	}
}

// TestRequests looks at the requests as a server sees them.
func TestRequests(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 100)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ws-ticket", func(w http.ResponseWriter, r *http.Request) { seen <- r; grants(w, r) })
	mux.HandleFunc("GET /chat", func(w http.ResponseWriter, r *http.Request) { seen <- r; sends(switching+"\x81\x02hi")(w, r) })
	server := httptest.NewServer(mux)
	defer server.Close()
	r, status := benchJSON(t, "--url", server.URL, "--bearer-file", test.WriteFile(t, "bearers", "one.x.y\ntwo.x.y\n"),
		"--count", "8", "--storm", "connect", "--origin", "https://app.example.com")
	if status != 0 || r.Storms[0].Succeeded != 8 {
		t.Fatalf("wsticket-bench = %d, %+v", status, r)
	}
	close(seen)
	bearers, keys := map[string]bool{}, map[string]bool{}
	for request := range seen {
		if got := request.Header.Get("Origin"); got != "https://app.example.com" {
			t.Errorf("%s has the origin %q", request.Method, got)
		}
		if request.Method == http.MethodPost {
			bearers[request.Header.Get("Authorization")] = true
			continue
		}
		keys[request.Header.Get("Sec-WebSocket-Key")] = true
		if request.URL.RequestURI() != "/chat?t=canary" || request.Header.Get("Authorization") != "" || request.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("handshake is %s %v", request.URL, request.Header)
		}
	}
	if len(keys) != 8 {
		t.Errorf("%d keys in 8 handshakes, want a new one for each", len(keys))
	}
	if len(bearers) != 2 || !bearers["Bearer one.x.y"] || !bearers["Bearer two.x.y"] {
		t.Errorf("the bearers are %v, want both", bearers)
	}
}
