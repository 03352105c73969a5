//go:build e2e

package e2e_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// chaos is the whole site: three nodes with one Redis, an application behind each, and
// two issuers, one of which publishes its keys over HTTP.
type chaos struct {
	redis  *testenv.RedisServer
	dir    string            // of Redis
	files  map[string]string // that Redis has written, by name
	nodes  [replicas]*node
	keys   *liar
	client *client
	ledger *ledger
	// bearers are of both issuers; those of the first do not depend on keys.
	bearers [2][]string
	apiKey  string
}

// node is one wsticket with its application. A process that ends is replaced.
type node struct {
	name     string
	config   string
	settings []string
	mu       sync.Mutex
	server   server
	all      []server // also those that have ended
	metrics  string   // when they were read last
}

func newChaos(t *testing.T) *chaos {
	t.Helper()
	// The search for secrets would not find compressed texts.
	c := &chaos{redis: testenv.Redis(t, "--rdbcompression", "no"), client: newClient(t), ledger: newLedger(), apiKey: rand.Text(), files: make(map[string]string)}
	c.dir = dataDir(t, c.redis)
	idp, publishing := newIssuer(t), newIssuer(t)
	publishing.name = "https://publisher.example"
	c.keys = newLiar(t, publishing, c.ledger)
	for n, i := range []issuer{idp, publishing} {
		for _, sub := range []string{"alice", "bob", "carol"} {
			bearer := i.bearer(t, sub)
			c.bearers[n] = append(c.bearers[n], bearer)
			c.hideBearer(sub+" of "+i.name, bearer)
		}
		c.ledger.hide("signing key of "+i.name, strings.Split(i.read(t, "issuer.pem"), "\n")[1])
	}
	c.ledger.hide("API key", c.apiKey)
	c.ledger.hide("seal key", strings.TrimSpace(idp.read(t, "seal.keys")))
	config := idp.config(t, c.redis.URL())
	for n := range c.nodes {
		app := gorillaApp(t, c.ledger.arrive, func(e event) { c.ledger.count("end at the application", e.String()) })
		c.nodes[n] = &node{name: fmt.Sprint("node ", n), config: config, settings: c.settings(idp, publishing, app)}
		c.nodes[n].start(t)
	}
	return c
}

// hideBearer hides the secret parts of a bearer. Its header is no secret.
func (c *chaos) hideBearer(whose, bearer string) {
	parts := strings.Split(bearer, ".")
	c.ledger.hide("claims of the bearer of "+whose, parts[1])
	c.ledger.hide("signature of the bearer of "+whose, parts[2])
}

// settings returns what a node needs in addition to the file of the issuer.
func (c *chaos) settings(idp, publishing issuer, app string) []string {
	const common = `issuer: %q, audience: [ws], algorithms: [ES256], `
	digest := sha256.Sum256([]byte(c.apiKey))
	return append(everyDoor(), "ws.upstream="+app, "ws.drain_window=1s",
		fmt.Sprintf("issuers=[{"+common+"public_key_file: %q}, {"+common+"jwks_url: %q, jwks_max_age: 1m, insecure_allow_private_network: true}]",
			idp.name, idp.file("issuer.pub.pem"), publishing.name, c.keys.url),
		"identity.headers=sub=X-Auth-Request-User,iss=X-Auth-Request-Issuer",
		fmt.Sprintf("internal.api_keys=[{name: backend, sha256: %q, scopes: [consume]}]", hex.EncodeToString(digest[:])),
		"ws.path=/ws, /admin", "ticket.audiences=[{name: ws, paths: [/ws]}, {name: admin, paths: [/admin]}]",
		"limits.unauthenticated_per_address=200",
		// Honest clients have this address, which is that of a proxy that asks, too.
		"public.trusted_proxies=127.0.0.1", "public.max_connections_per_address=60")
}

// start starts a process of the node, with the race detector in it.
func (n *node) start(t *testing.T) {
	t.Helper()
	s := serveBuilt(t, buildRacing, n.config, n.settings...)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.server = s
	n.all = append(n.all, s)
}

// now returns the last process of the node. It may have ended.
func (n *node) now() server {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.server
}

// outputs adds what the processes of the node have printed, and its metrics.
func (n *node) outputs(places map[string]string) {
	places["metrics of "+n.name] = n.metrics
	for i, s := range n.all {
		places[fmt.Sprint("log of ", n.name, " process ", i)] = s.log.String()
		places[fmt.Sprint("stdout of ", n.name, " process ", i)] = s.stdout.String()
	}
}

// any returns one of the nodes.
func (c *chaos) any(d *dice) server { return c.nodes[d.IntN(len(c.nodes))].now() }

// bearer returns one of the bearers.
func (c *chaos) bearer(d *dice) string {
	mine := c.bearers[d.IntN(len(c.bearers))]
	return mine[d.IntN(len(mine))]
}

// issue gets a ticket, and counts what came of it.
func (c *chaos) issue(ctx context.Context, what string, s server, bearer string) (issued, bool) {
	got, a, err := c.client.issue(ctx, s, bearer)
	c.ledger.answered(what+" asks for a ticket", a, err)
	if err != nil || got.Token == "" {
		return issued{}, false
	}
	c.ledger.keep(got)
	return got, true
}

// works reports whether each credential that a client can have is admitted: a bearer of
// each of the issuers, and a ticket for it.
func (c *chaos) works(ctx context.Context, s server, bearers ...string) bool {
	for _, bearer := range bearers {
		got, ok := c.issue(ctx, "a client after a fault", s, bearer)
		if !ok {
			return false
		}
		a := c.ledger.begin(relayed, got.ID)
		result, err := connect(ctx, s, doorQuery, got.Token, attemptHeader+": "+a.name)
		c.ledger.settle("a client after a fault connects", a, result, err)
		if err != nil || !result.is(admitted) {
			return false
		}
	}
	return true
}

// awaitWork waits until clients get in at every node.
func (c *chaos) awaitWork(t *testing.T, bearers ...string) {
	t.Helper()
	for _, n := range c.nodes {
		test.Wait(t, "clients get in at "+n.name, func() bool { return c.works(t.Context(), n.now(), bearers...) })
	}
}
