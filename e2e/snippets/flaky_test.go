//go:build e2e

package snippets_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"

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

// closing completes a handshake and closes it with a code.
func closing(code websocket.StatusCode, reason string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}); err == nil {
			_ = conn.Close(code, reason)
		}
	}
}
