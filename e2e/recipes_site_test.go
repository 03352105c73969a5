//go:build e2e

package e2e_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// recipeSite is a wsticket that can be replaced while a page is connected. In front of it
// stands a proxy whose address stays, and which counts.
type recipeSite struct {
	idp       issuer
	config    string
	key       string // of an operator
	settings  []string
	server    server
	front     *httptest.Server
	transport *http.Transport

	mu      sync.Mutex
	target  *url.URL
	asked   []int       // the statuses of the answers to requests for tickets, 0 without one
	held    bool        // the next request for a ticket gets no answer
	refused bool        // the next handshake does not reach wsticket
	tickets []presented // by handshakes
}

// presented is a ticket in a handshake.
type presented struct {
	token string
	door  door
}

// newRecipeSite starts a site in front of an application. Its second audience is for users
// with a scope that nobody has.
func newRecipeSite(t *testing.T, u *upstream, path string) *recipeSite {
	t.Helper()
	s := &recipeSite{idp: newIssuer(t), key: rand.Text(), transport: &http.Transport{}}
	s.config = s.idp.config(t, "memory:")
	proxy := &httputil.ReverseProxy{
		Rewrite: s.rewrite, ModifyResponse: s.count, Transport: s.transport,
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.holds(r):
			_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client leaves
			<-r.Context().Done()
		case s.refuses(r):
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		s.front.Close()
		s.transport.CloseIdleConnections()
	})
	digest := sha256.Sum256([]byte(s.key))
	s.settings = []string{
		"public.url=" + s.front.URL, "ws.upstream=" + u.url, "ws.drain_window=100ms",
		fmt.Sprintf("ticket.audiences=[{name: app, paths: [%q]}, {name: admin, paths: [/admin], scopes: [admin]}]", path),
		fmt.Sprintf("internal.api_keys=[{name: ops, sha256: %q, scopes: [revoke]}]", hex.EncodeToString(digest[:])),
	}
	s.start(t)
	return s
}

// start starts a wsticket that knows nothing of its predecessor.
func (s *recipeSite) start(t *testing.T) {
	t.Helper()
	s.server = serve(t, s.config, s.settings...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.target = &url.URL{Scheme: "http", Host: s.server.public}
}

// restart ends wsticket by a signal and starts another one.
func (s *recipeSite) restart(t *testing.T, sig syscall.Signal) {
	t.Helper()
	s.server.signal(t, sig)
	_ = s.server.exit(t)
	s.start(t)
}

// revoke ends what a user has.
func (s *recipeSite) revoke(t *testing.T, sub string) {
	t.Helper()
	body := fmt.Sprintf(`{"iss":%q,"sub":%q,"action":"end"}`, s.idp.name, sub)
	got, err := newClient(t).post(t.Context(), "http://"+s.server.internal+"/revocations", s.key, body)
	if err != nil || got.status != http.StatusAccepted {
		t.Fatalf("POST /revocations: got %v %s, %v; want 202", got, got.body, err)
	}
}

// rewrite passes a request on as it is.
func (s *recipeSite) rewrite(r *httputil.ProxyRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.SetURL(s.target)
	r.Out.URL.RawQuery, r.Out.Host = r.In.URL.RawQuery, r.In.Host
	if p := presentedBy(r.In); p.token != "" {
		s.tickets = append(s.tickets, p)
	}
}

// presentedBy returns the ticket in a handshake.
func presentedBy(r *http.Request) presented {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Ticket "); ok {
		return presented{token, doorHeader}
	}
	for protocol := range strings.SplitSeq(r.Header.Get("Sec-WebSocket-Protocol"), ", ") {
		if token, ok := strings.CutPrefix(protocol, "ticket."); ok {
			return presented{token, doorSubprotocol}
		}
	}
	return presented{r.URL.Query().Get("ticket"), doorQuery}
}

// holdNext leaves the next request for a ticket without an answer.
func (s *recipeSite) holdNext() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
}

// holds reports whether a request gets no answer.
func (s *recipeSite) holds(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held || r.Method != http.MethodPost {
		return false
	}
	s.held, s.asked = false, append(s.asked, 0)
	return true
}

// refuseNext refuses the next handshake.
func (s *recipeSite) refuseNext() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = true
}

// refuses reports whether a request is refused.
func (s *recipeSite) refuses(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := presentedBy(r)
	if !s.refused || p.token == "" {
		return false
	}
	s.refused, s.tickets = false, append(s.tickets, p)
	return true
}

// count remembers how requests for tickets were answered.
func (s *recipeSite) count(answer *http.Response) error {
	if answer.Request.Method == http.MethodPost {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, answer.StatusCode)
	}
	return nil
}

// counted returns what was counted since the last call.
func (s *recipeSite) counted() (asked []int, tickets []presented) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, tickets = s.asked, s.tickets
	s.asked, s.tickets = nil, nil
	return asked, tickets
}

// rebase replaces the host of the documents in code.
func (s *recipeSite) rebase(code string) string {
	return strings.NewReplacer("https://api.example.com", s.front.URL,
		"wss://api.example.com", strings.Replace(s.front.URL, "http", "ws", 1)).Replace(code)
}
