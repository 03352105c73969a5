//go:build e2e

package snippets_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// pageCase is what a page meets, and what it has to do.
type pageCase struct {
	rule string
	jwt  string
	// tickets and sockets are the first answers to requests for a ticket and to
	// handshakes. Nil, and when none is left: wsticket answers.
	tickets, sockets []http.HandlerFunc

	asked     int // requests for a ticket
	greetings int
	ends      string
}

// flaky stands between a page and wsticket. A page of its own for each case begins it.
type flaky struct {
	next  http.Handler
	cases []pageCase

	mu               sync.Mutex
	current          int
	tickets, sockets []http.HandlerFunc // those that are left
	asked            []int              // by case
	seen             [][]string         // the queries of the handshakes, by case
}

func newFlaky(behind *url.URL, cases []pageCase) *flaky {
	return &flaky{
		next: httputil.NewSingleHostReverseProxy(behind), cases: cases,
		asked: make([]int, len(cases)), seen: make([][]string, len(cases)),
	}
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
		return f.begin(r.URL.Query().Get("case"))
	case r.URL.Path == "/ws":
		f.seen[f.current] = append(f.seen[f.current], r.URL.RawQuery)
		return take(&f.sockets)
	case r.Method == http.MethodPost:
		f.asked[f.current]++
		return take(&f.tickets)
	default:
		return nil
	}
}

// begin serves the page of a case, which is empty.
func (f *flaky) begin(number string) http.HandlerFunc {
	n, err := strconv.Atoi(number)
	if err != nil || n >= len(f.cases) {
		return http.NotFound
	}
	f.current, f.tickets, f.sockets = n, f.cases[n].tickets, f.cases[n].sockets
	return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") }
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

func tooMany(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }

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
	cases := []pageCase{
		{
			"wsticket is away, a handshake fails, two connections are good, then the session is revoked", h.bearer,
			[]http.HandlerFunc{unavailable, unavailable},
			[]http.HandlerFunc{unavailable, nil, nil, closing(4003, "wsticket: revoked")},
			6, 2, "closed: 4003 wsticket: revoked",
		},
		{"a wrong JWT", h.bearer[:len(h.bearer)-8], nil, nil, 1, 0, "no ticket: 401 invalid_token"},
		{"too many, then a fault of the page", h.bearer, []http.HandlerFunc{tooMany}, []http.HandlerFunc{closing(1008, "x")}, 2, 0, "closed: 1008 x"},
	}
	f := newFlaky(behind, cases)
	front.Config.Handler = f
	front.Start()
	t.Cleanup(front.Close)

	jwts := make([]string, len(cases))
	for n, c := range cases {
		jwts[n] = c.jwt
	}
	said := browse(t, "page.mjs", map[string]any{
		"url": address + "/", "jwts": jwts, "code": strings.ReplaceAll(block(t, readme, "js page"), "https://api.example.com", address),
	})
	var got []struct {
		Greetings int
		Ends      string
	}
	if err := json.Unmarshal([]byte(said), &got); err != nil || len(got) != len(cases) {
		t.Fatalf("got %s (%v), want an end for each case", said, err)
	}
	for n, c := range cases {
		if got[n].Greetings != c.greetings || got[n].Ends != c.ends || f.asked[n] != c.asked {
			t.Errorf("%s: %+v after %d requests for a ticket, want %d greetings, the end %q and %d requests",
				c.rule, got[n], f.asked[n], c.greetings, c.ends, c.asked)
		}
		if used := slices.Compact(slices.Sorted(slices.Values(f.seen[n]))); len(used) != len(f.seen[n]) {
			t.Errorf("%s: a ticket was used twice: %q", c.rule, f.seen[n])
		}
	}
}
