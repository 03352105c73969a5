package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestBenchErrorsByKind plays servers that fail in every way, and looks at
// what bench says of up to ten requests.
func TestBenchErrorsByKind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, storm string
		ticket      http.HandlerFunc
		socket      string // what the handshake is answered with, byte for byte
		want        string // the kind of all; empty for success
		hint        string
	}{
		{"limits are on", "issue", refuses(429, `{"code":"rate_limited"}`), "", "429 rate_limited", "limits.per_subject"},
		{"the store is away", "issue", refuses(503, `{"code":"unavailable"}`), "", "503 unavailable", "the store did not answer"},
		{"a proxy answers in its own words", "issue", refuses(502, "<html>Bad Gateway"), "", "status 502", ""},
		{"a code that is no code is not repeated", "issue", refuses(400, `{"code":"canary canary"}`), "", "status 400", ""},
		{"200 is no ticket", "issue", refuses(200, `{}`), "", "status 200", ""},
		{"the connection is closed", "issue", sends(""), "", "connection closed", ""},
		{"what comes is not HTTP", "issue", sends("SSH-2.0-OpenSSH\r\n\r\n"), "", "unreadable answer", ""},
		{"the answer ends too soon", "issue", sends("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf"), "", "connection closed", ""},
		{"the answer never ends", "issue", sends("HTTP/1.1 201 Created\r\n\r\n" + strings.Repeat("x", maxAnswer+1)), "", "unreadable answer", ""},
		{"no answer in time", "issue", never, "", "timeout", ""},
		{"an answer in chunks", "issue", sends("HTTP/1.1 201 Created\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), "", "", ""},

		{"a storm of redemptions without tickets", "redeem", refuses(429, `{"code":"rate_limited"}`), "", "issue: 429 rate_limited", "limits.per_address"},
		{"a ticket without a url", "redeem", refuses(201, `{"ticket":"x"}`), "", "issue: answer without a url", ""},
		{"a url that is none", "redeem", refuses(201, `{"url":"/ws?ticket=x"}`), "", "issue: answer without a url", ""},
		{"a ticket that is not JSON", "redeem", refuses(201, `ticket`), "", "issue: answer without a url", ""},
		{"the ticket is refused", "redeem", grants, answerOf(401, `{"code":"invalid_ticket"}`), "401 invalid_ticket", ""},
		{"a proxy knows no WebSockets", "redeem", grants, answerOf(200, "hello"), "status 200", ""},
		{"the handshake is cut", "redeem", grants, "HTTP/1.1 101 Swit", "connection closed", ""},
		{"the answer to the handshake is not HTTP", "redeem", grants, "nonsense\r\n\r\n", "unreadable answer", ""},
		{"the answer to the handshake ends too soon", "redeem", grants, "HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\n", "connection closed", ""},
		{"redeemed", "redeem", grants, switching, "", ""},

		{"no ticket to connect with", "connect", refuses(503, `{"code":"unavailable"}`), "", "issue: 503 unavailable", "the store did not answer"},
		{"a ticket that is refused", "connect", grants, answerOf(503, `{"code":"unavailable"}`), "503 unavailable", "the store did not answer"},
		{"no greeting", "connect", grants, switching, "greeting: connection closed", ""},
		{"closed instead of greeted", "connect", grants, switching + "\x88\x02\x03\xf5", "greeting: close 1013", ""},
		{"greeted", "connect", grants, switching + "\x81\x02hi", "", ""},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("POST /ws-ticket", row.ticket)
			mux.HandleFunc("GET /chat", sends(row.socket))
			server := httptest.NewServer(mux)
			defer server.Close()
			// One row waits for it; on a busy machine no other must.
			timeout := patience.String()
			if row.want == "timeout" {
				timeout = "300ms"
			}
			flags := []string{
				"bench", "--url", server.URL, "--bearer-file", writeFile(t, "bearer", "canary.bearer.x"),
				"--storm", row.storm, "--count", "10", "--callers", "3", "--warm-up", "0s", "--duration", "500ms", "--timeout", timeout,
			}
			text, errs, err := runIn(t, nil, flags...)
			checkBenchText(t, text, row.storm, row.want, row.hint)
			if failed := row.want != ""; failed != (err != nil) || failed && err.Error() != "bench: "+row.storm+": nothing succeeded" {
				t.Errorf("bench = %v", err)
			}
			if strings.Contains(text+errs+fmt.Sprint(err), "canary") {
				t.Errorf("the output repeats what the server or the file said:\n%s%s%v", text, errs, err)
			}
		})
	}
}

func checkBenchText(t *testing.T, text, storm, want, hint string) {
	t.Helper()
	_, errors, any := strings.Cut(text, "\nerrors\n")
	if want == "" {
		if any {
			t.Errorf("errors in\n%s", text)
		}
		return
	}
	if line := fmt.Sprintf("%9s  %s: ", storm, want); !strings.HasPrefix(errors, line) || strings.Count(errors, "\n"+"   ") != 0 {
		t.Errorf("errors are %q, want only %q", errors, line)
	}
	if strings.Contains(errors, "hint: ") != (hint != "") || !strings.Contains(errors, hint) {
		t.Errorf("no hint of %q in %q", hint, errors)
	}
}

func refuses(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func grants(w http.ResponseWriter, _ *http.Request) {
	refuses(http.StatusCreated, `{"url":"wss://elsewhere.example/chat?t=canary","ticket":"canary"}`)(w, nil)
}

// never answers: it waits until the client has left.
func never(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

func answerOf(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// sends writes bytes and closes the connection, after it has read what the
// client sends of itself.
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

// TestBenchSendsWhatAClientSends looks at the requests as a server sees them.
func TestBenchSendsWhatAClientSends(t *testing.T) {
	seen := make(chan *http.Request, 100)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ws-ticket", func(w http.ResponseWriter, r *http.Request) { seen <- r; grants(w, r) })
	mux.HandleFunc("GET /chat", func(w http.ResponseWriter, r *http.Request) { seen <- r; sends(switching+"\x81\x02hi")(w, r) })
	server := httptest.NewServer(mux)
	defer server.Close()
	r, err := benchJSON(t, nil, "--url", server.URL, "--bearer-file", writeFile(t, "bearers", "one.x.y\ntwo.x.y\n"),
		"--count", "8", "--callers", "2", "--storm", "connect", "--origin", "https://app.example.com")
	if err != nil || r.Storms[0].Succeeded != 8 {
		t.Fatalf("bench = %+v, %v", r, err)
	}
	close(seen)
	bearers, keys := map[string]int{}, map[string]int{}
	for request := range seen {
		if got := request.Header.Get("Origin"); got != "https://app.example.com" {
			t.Errorf("%s has the origin %q", request.Method, got)
		}
		if request.Method == http.MethodPost {
			bearers[request.Header.Get("Authorization")]++
			continue
		}
		keys[request.Header.Get("Sec-WebSocket-Key")]++
		if request.URL.RequestURI() != "/chat?t=canary" || request.Header.Get("Authorization") != "" || request.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("handshake is %s %v", request.URL, request.Header)
		}
	}
	if len(keys) != 8 {
		t.Errorf("%d keys in 8 handshakes, want a fresh one for each: %v", len(keys), keys)
	}
	if !maps.Equal(mapKeys(bearers), map[string]bool{"Bearer one.x.y": true, "Bearer two.x.y": true}) {
		t.Errorf("the bearers are %v, want both", bearers)
	}
}

func mapKeys(m map[string]int) map[string]bool {
	keys := map[string]bool{}
	for key := range m {
		keys[key] = true
	}
	return keys
}
