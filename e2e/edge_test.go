//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"wsticket/internal/testenv"
)

// TestEdge runs real proxies with the configuration that print-config prints, between a
// simulated browser and an application that knows nothing of tickets (docs/edge.md).
// At the end it prints the result of each case.
func TestEdge(t *testing.T) {
	b := &board{cells: make(map[string]map[string]string)}
	t.Cleanup(func() {
		t.Logf("proxy by case:\n%s", b)
		b.wantDocumented(t)
	})
	for _, p := range edgeProxies() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			s := newScene(t, p)
			for _, c := range edgeCases() {
				t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
					b.put(p.name, c.name, "FAILED")
					s.t = t
					if cell := c.run(t, s); !t.Failed() {
						b.put(p.name, c.name, cell)
					}
				})
			}
		})
	}
}

// board is the table of results.
type board struct {
	mu    sync.Mutex
	cells map[string]map[string]string // by case and proxy
}

func (b *board) put(proxy, name, cell string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cells[name] == nil {
		b.cells[name] = make(map[string]string)
	}
	b.cells[name][proxy] = cell
}

// String returns the table, with a line for each case.
func (b *board) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	line := "case"
	for _, p := range edgeProxies() {
		line += "\t" + p.name
	}
	_, _ = fmt.Fprintln(w, line)
	for _, c := range edgeCases() {
		line := c.name
		for _, p := range edgeProxies() {
			line += "\t" + b.cells[c.name][p.name]
		}
		_, _ = fmt.Fprintln(w, line)
	}
	_ = w.Flush()
	return text.String()
}

// wantDocumented checks that docs/edge.md has this table, if all proxies were tested.
func (b *board) wantDocumented(t *testing.T) {
	t.Helper()
	if slices.ContainsFunc(edgeProxies(), func(p edgeProxy) bool { return len(b.cells[edgeCases()[0].name][p.name]) == 0 }) {
		return
	}
	text, err := os.ReadFile("../docs/edge.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "```\n"+b.String()+"```\n") {
		t.Error("docs/edge.md has another table")
	}
}

// scene is one proxy and everything around it.
type scene struct {
	t       testing.TB // of the case
	proxy   edgeProxy
	running edgeRunning
	redis   *testenv.RedisServer
	service server
	wire    *wire // between the proxy and the internal listener
	app     *witness
	client  *client
	bearer  string
	asked   int      // requests through the proxy
	tokens  []string // all that were issued
	expired string   // a ticket that expires soon
	expires time.Time
}

func newScene(t *testing.T, p edgeProxy) *scene {
	t.Helper()
	idp := newIssuer(t)
	s := &scene{t: t, proxy: p, redis: testenv.Redis(t), app: newWitness(t), client: newClient(t)}
	config := idp.edgeConfig(t, s.redis.URL()+patientStore)
	s.service = serve(t, config)
	s.wire = newWire(t, s.service.internal)
	s.running = p.start(t, newPrinter(t, config, s.service.public, s.wire.addr(), s.app.addr))
	s.bearer = idp.bearer(t, "alice", "email=alice@example.com", `groups=["staff","admins"]`, "preferred_username=al")
	s.expired, s.expires = issueThrough(t, s.client, s.running.addr, s.bearer, 5)
	s.asked, s.tokens = 1, []string{s.expired}
	return s
}

// edgeConfig writes a configuration that trusts proxies on this machine.
func (i issuer) edgeConfig(t testing.TB, storeURL string) string {
	t.Helper()
	i.write(t, "edge.yaml", fmt.Appendf(nil, `
public:   {listen: "127.0.0.1:0", hosts: [127.0.0.1], trusted_proxies: [127.0.0.1]}
internal: {listen: "127.0.0.1:0"}
store:    {url: %q}
ticket:   {ttl: 60s, seal_key_file: %q}
issuers:
  - {issuer: %q, audience: [ws], algorithms: [ES256], public_key_file: %q, claims: [email, groups, preferred_username]}
origins:  [%q, %q]
limits:   {per_subject: "0", per_address: "0"}
ws:       {path: [/ws, "/ws/chat/{room}"]}
log:      {level: debug}
`, storeURL, i.file("seal.keys"), issuerName, i.file("issuer.pub.pem"), pageOrigin, otherOrigin))
	return i.file("edge.yaml")
}

// otherOrigin is allowed, but not the origin of the page that asks for tickets.
const otherOrigin = "https://other-origin-canary.example"

// issue gets a ticket through the proxy.
func (s *scene) issue() string {
	s.t.Helper()
	token, _ := issueThrough(s.t, s.client, s.running.addr, s.bearer, 0)
	s.asked++
	s.tokens = append(s.tokens, token)
	return token
}

// shake sends a handshake through the proxy.
func (s *scene) shake(a attempt) outcome {
	s.t.Helper()
	got, err := a.shake(s.t.Context(), s.running.addr)
	s.asked++
	if err != nil {
		s.t.Errorf("handshake: %v", err)
	}
	return got
}

// wantRefused checks the status, and that the handshake did not reach the application.
func (s *scene) wantRefused(what string, a attempt, statuses ...int) outcome {
	s.t.Helper()
	got := s.shake(a)
	if !slices.Contains(statuses, got.status) {
		s.t.Errorf("%s: got %v, want one of %v", what, got, statuses)
	}
	if seen := s.app.handshakes(a.name); len(seen) > 0 {
		s.t.Errorf("%s: the application got %v", what, seen)
	}
	return got
}

// wantAdmitted checks that a handshake is accepted, and returns what the application
// got.
func (s *scene) wantAdmitted(what string, a attempt) handshaken {
	s.t.Helper()
	got := s.shake(a)
	seen := s.app.handshakes(a.name)
	if got.status != 101 || len(seen) != 1 {
		s.t.Fatalf("%s: got %v and %d handshakes at the application; want 101 and one", what, got, len(seen))
	}
	return seen[0]
}

// withTicket returns an attempt with a new ticket in the query.
func (s *scene) withTicket() (attempt, string) {
	s.t.Helper()
	a, token := newAttempt(), s.issue()
	a.query = "?ticket=" + token
	return a, token
}
