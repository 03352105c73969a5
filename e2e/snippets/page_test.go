//go:build e2e

package snippets_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// flaky stands between a page and wsticket. It has one answer for each request for a
// ticket and for each handshake; when none is left, wsticket answers.
type flaky struct {
	next http.Handler

	mu      sync.Mutex
	tickets []http.HandlerFunc // nil: wsticket answers
	sockets []http.HandlerFunc
	asked   int      // requests for a ticket
	seen    []string // the queries of the handshakes
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := f.answer(r)
	if answer == nil {
		answer = f.next.ServeHTTP
	}
	answer(w, r)
}

// answer takes the next answer to a request.
func (f *flaky) answer(r *http.Request) http.HandlerFunc {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Path == "/":
		return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") }
	case r.URL.Path == "/ws":
		f.seen = append(f.seen, r.URL.RawQuery)
		return take(&f.sockets)
	case r.Method == http.MethodPost:
		f.asked++
		return take(&f.tickets)
	default:
		return nil
	}
}

func take(answers *[]http.HandlerFunc) (first http.HandlerFunc) {
	if len(*answers) > 0 {
		first, *answers = (*answers)[0], (*answers)[1:]
	}
	return first
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(`{"status":503,"code":"unavailable"}`))
}

// closing completes a handshake and closes it with a code.
func closing(code websocket.StatusCode, reason string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}); err == nil {
			_ = conn.Close(code, reason)
		}
	}
}

// TestReadmePage runs the code of README.md in a page: it gets a new ticket for each
// attempt, goes on while trying again can help, and says why it stops.
func TestReadmePage(t *testing.T) {
	front := httptest.NewUnstartedServer(nil)
	address := "http://" + front.Listener.Addr().String()
	h := newHouse(t, "--set", "public.url="+address, "--set", "origins="+address)
	behind, err := url.Parse(h.public)
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{next: httputil.NewSingleHostReverseProxy(behind)}
	front.Config.Handler = f
	front.Start()
	t.Cleanup(front.Close)
	code := strings.ReplaceAll(block(t, readme, "js page"), "https://api.example.com", address)

	for _, row := range []struct {
		rule             string
		jwt              string
		tickets, sockets []http.HandlerFunc
		asked            int
		greetings        int
		ends             string
	}{
		{
			"wsticket is away, then the handshake fails, then all is well, twice, then the session is revoked",
			h.bearer,
			[]http.HandlerFunc{unavailable, unavailable},
			[]http.HandlerFunc{unavailable, nil, nil, closing(4003, "wsticket: revoked")},
			6, 2, "closed: 4003 wsticket: revoked",
		},
		{"a wrong JWT", h.bearer[:len(h.bearer)-8], nil, nil, 1, 0, "no ticket: 401 invalid_token"},
		{"too many", h.bearer, []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }}, []http.HandlerFunc{closing(1008, "x")}, 2, 0, "closed: 1008 x"},
	} {
		f.tickets, f.sockets, f.asked, f.seen = row.tickets, row.sockets, 0, nil
		said := browse(t, "page.mjs", map[string]any{"url": address + "/", "code": code, "jwt": row.jwt})
		var got struct {
			Greetings int
			Ends      string
		}
		if err := json.Unmarshal([]byte(said), &got); err != nil {
			t.Fatalf("%s: %v: %s", row.rule, err, said)
		}
		if got.Greetings != row.greetings || got.Ends != row.ends || f.asked != row.asked {
			t.Errorf("%s: %+v after %d requests for a ticket, want %d greetings, the end %q and %d requests",
				row.rule, got, f.asked, row.greetings, row.ends, row.asked)
		}
		if used := slices.Compact(slices.Sorted(slices.Values(f.seen))); len(used) != len(f.seen) {
			t.Errorf("%s: a ticket was used twice: %q", row.rule, f.seen)
		}
	}
}
