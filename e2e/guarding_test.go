//go:build e2e

package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// threeNodes are nodes with one Redis.
func threeNodes(t testing.TB, settings ...string) (*guarded, *testenv.RedisServer) {
	t.Helper()
	redis := testenv.Redis(t)
	return newGuarded(t, slices.Repeat([]string{redis.URL()}, 3), settings...), redis
}

// TestRevocationIsEverywhere holds thousands of connections of some users at three nodes.
// One revocation ends those of its user at every node, and no other one.
func TestRevocationIsEverywhere(t *testing.T) {
	size := 5000
	if testing.Short() {
		size = 600
	}
	g, _ := threeNodes(t)
	var bearers []string
	for n := range 10 {
		bearers = append(bearers, g.idp.bearer(t, fmt.Sprint("user-", n)))
	}
	of := g.crowd(t, size, bearers)
	start := time.Now()
	g.revokeUser(t, g.nodes[0], "user-3", "end")
	answered := time.Since(start)
	var last time.Time
	for _, w := range of[3] {
		if at := w.wantEnd(t, "a connection of the user", 4003).at; at.After(last) {
			last = at
		}
	}
	t.Logf("%d connections, %d of the user: answered after %v, the last Close frame after %v",
		size, len(of[3]), answered.Round(time.Millisecond), last.Sub(start).Round(time.Millisecond))
	for n, some := range of {
		if n == 3 {
			continue
		}
		for _, w := range some {
			select {
			case got := <-w.end:
				t.Fatalf("a connection of another user ended with %d", got.code)
			default:
			}
		}
		some[0].wantOpen(t, "a connection of another user")
	}
	g.wantRefusedEverywhere(t, "the bearer", bearers[3])
	g.wantAcceptedEverywhere(t, "that of another user", bearers[4])
}

// TestRevocationAcrossABrokenLink revokes while a node cannot reach Redis. The node does
// it when it can again.
func TestRevocationAcrossABrokenLink(t *testing.T) {
	broken := 10 * time.Second
	if testing.Short() {
		broken = 3 * time.Second
	}
	redis := testenv.Redis(t)
	link := testenv.Proxy(t, redis.Addr())
	g := newGuarded(t, []string{redis.URL(), link.URL(), redis.URL()})
	alice, bob := g.idp.bearer(t, "alice"), g.idp.bearer(t, "bob")
	mine, other := mustWatch(t, g.nodes[1], alice), mustWatch(t, g.nodes[1], bob)
	link.Cut()
	g.revokeUser(t, g.nodes[0], "alice", "end")
	pause(t, broken)
	select {
	case got := <-mine.end:
		t.Fatalf("the connection ended with %d before its node could know", got.code)
	default:
	}
	healed := time.Now()
	link.Heal()
	at := mine.wantEnd(t, "the connection at the node that was cut off", 4003).at
	t.Logf("%v after the link is back, which was cut for %v", at.Sub(healed).Round(time.Millisecond), broken)
	other.wantOpen(t, "a connection of another user")
	g.wantRefusedEverywhere(t, "the bearer", alice)
}

// TestRevocationsAreNotForgotten lets Redis lose everything in each way. While one node
// lives that knows a revocation, it holds at every node, also at one that starts later.
func TestRevocationsAreNotForgotten(t *testing.T) {
	lose := map[string]func(t *testing.T, redis *testenv.RedisServer){
		"FLUSHALL": func(t *testing.T, redis *testenv.RedisServer) {
			t.Helper()
			if _, err := redis.Ask(t.Context(), "flushall"); err != nil {
				t.Fatal(err)
			}
		},
		"a restart without persistence": func(_ *testing.T, redis *testenv.RedisServer) {
			redis.Kill()
			redis.Restart()
		},
	}
	for name, lose := range lose {
		t.Run(name, func(t *testing.T) {
			redis := testenv.Redis(t)
			g := newGuarded(t, []string{redis.URL(), redis.URL()})
			alice, bob := g.idp.bearer(t, "alice"), g.idp.bearer(t, "bob")
			g.revokeUser(t, g.nodes[0], "alice", "end")
			g.wantRefusedEverywhere(t, "the bearer", alice)
			lose(t, redis)
			g.wantAcceptedEverywhere(t, "another bearer", bob)
			g.wantRefusedEverywhere(t, "the bearer", alice)
			g.awaitOffered(t, redis)
			late := g.add(t, redis.URL())
			g.wantRefusedEverywhere(t, "the bearer, also at a node that started later", alice)
			g.wantAcceptedEverywhere(t, "another bearer", bob)
			// The nodes that knew it are gone, and one is left that has it from them.
			for _, s := range g.nodes[:2] {
				s.terminate(t)
			}
			g.nodes = []server{late}
			g.wantRefusedEverywhere(t, "the bearer, at the last node", alice)
		})
	}
}

// awaitOffered waits until the stream has an entry again.
func (g *guarded) awaitOffered(t testing.TB, redis *testenv.RedisServer) {
	t.Helper()
	test.Wait(t, "the nodes offer what they know", func() bool {
		keys, err := redis.Ask(t.Context(), "keys", "*{live}*")
		return err == nil && strings.Contains(fmt.Sprint(keys), "{live}:revocations")
	})
}

// TestRevocationSurvivesAFailover lets a replica become the primary that never got the
// revocation.
func TestRevocationSurvivesAFailover(t *testing.T) {
	servers := testenv.Sentinel(t)
	g := newGuarded(t, []string{servers.URL(), servers.URL()})
	alice, bob := g.idp.bearer(t, "alice"), g.idp.bearer(t, "bob")
	g.wantAcceptedEverywhere(t, "the bearer", alice)
	servers.CutReplication()
	g.revokeUser(t, g.nodes[0], "alice", "end")
	g.wantRefusedEverywhere(t, "the bearer", alice)
	servers.KillPrimary()
	primary := servers.AwaitFailover(t.Context())
	servers.Heal()
	g.wantAcceptedEverywhere(t, "another bearer", bob)
	g.wantRefusedEverywhere(t, "the bearer, after the failover", alice)
	g.awaitOffered(t, primary)
	g.add(t, servers.URL())
	g.wantRefusedEverywhere(t, "the bearer, at a node that started later", alice)
	g.wantAcceptedEverywhere(t, "another bearer", bob)
}

// TestSleepLongerThanALifetime stops a node for longer than a bearer lives.
func TestSleepLongerThanALifetime(t *testing.T) {
	const lifetime = 8 * time.Second
	g := newGuarded(t, []string{"memory:"})
	short, long := mustWatch(t, g.nodes[0], g.idp.bearerFor(t, lifetime.String(), "alice")), mustWatch(t, g.nodes[0], g.idp.bearer(t, "alice"))
	g.nodes[0].signal(t, syscall.SIGSTOP)
	pause(t, lifetime+2*time.Second)
	woken := time.Now()
	g.nodes[0].signal(t, syscall.SIGCONT)
	at := short.wantEnd(t, "the connection whose bearer has ended", 4008).at
	t.Logf("%v after it goes on", at.Sub(woken).Round(time.Millisecond))
	long.wantOpen(t, "the other one")
}

// TestRenewedConnectionsLive renews connections at a node that does not have them. A
// bearer that is rotated, and its jti revoked, ends nobody who has shown the next one.
func TestRenewedConnectionsLive(t *testing.T) {
	g, _ := threeNodes(t)
	const lifetime = 10 * time.Second
	first := g.idp.bearerFor(t, lifetime.String(), "alice")
	renewed, left := g.ticketed(t, g.nodes[0], first), g.ticketed(t, g.nodes[0], first)
	// Of two bearers of one second, neither is the older one.
	test.Wait(t, "the next second", func() bool { return time.Now().Unix() > issuedAt(t, first) })
	next := g.idp.bearer(t, "alice")
	got, err := g.client.send(t.Context(), http.MethodPost, "http://"+g.nodes[1].public+"/connections/"+renewed.id+"/renew", next)
	if err != nil || got.status != http.StatusOK {
		t.Fatalf("renew at another node: got %v %s, %v; want 200", got, got.body, err)
	}
	var answered struct {
		ExpiresIn int `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(got.body), &answered); err != nil || answered.ExpiresIn <= int(lifetime/time.Second) {
		t.Errorf("renew: got %s, %v; want the lifetime of the next bearer", got.body, err)
	}
	for what, bearer := range map[string]string{"somebody else": g.idp.bearer(t, "bob"), "an older bearer": first} {
		got, err := g.client.send(t.Context(), http.MethodPost, "http://"+g.nodes[2].public+"/connections/"+renewed.id+"/renew", bearer)
		if err != nil || got.status < 400 || got.status >= 500 {
			t.Errorf("renew by %s: got %v, %v; want a refusal", what, got, err)
		}
	}
	g.revoke(t, g.nodes[2], fmt.Sprintf(`{"iss":%q,"jti":%q,"action":"end"}`, g.idp.name, claimOf(t, first, "jti")))
	left.wantEnd(t, "the connection with the bearer that is revoked", 4003)
	pause(t, lifetime) // beyond the end of the first bearer
	renewed.wantOpen(t, "the connection that was renewed, when the first bearer has ended")
	g.revoke(t, g.nodes[2], fmt.Sprintf(`{"iss":%q,"jti":%q,"action":"recheck"}`, g.idp.name, claimOf(t, next, "jti")))
	renewed.wantEnd(t, "the connection, when its second bearer is revoked", 4008)
	g.wantRefusedEverywhere(t, "the second bearer", next)
}

// ticketedConn is a connection that a ticket opened.
type ticketedConn struct {
	*watched

	id string
}

func (g *guarded) ticketed(t testing.TB, s server, bearer string) ticketedConn {
	t.Helper()
	got := g.client.mustIssue(t, s, bearer)
	w, err := watchRequest(t.Context(), s, doorQuery.handshake(s.public, got.Token))
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return ticketedConn{w, got.ID}
}

// claimOf returns a claim of a bearer that is a text.
func claimOf(t testing.TB, bearer, name string) string {
	t.Helper()
	text, ok := claimsOf(t, bearer)[name].(string)
	if !ok {
		t.Fatalf("the bearer has no claim %s", name)
	}
	return text
}

// issuedAt returns the iat of a bearer.
func issuedAt(t testing.TB, bearer string) int64 {
	t.Helper()
	seconds, _ := claimsOf(t, bearer)["iat"].(float64)
	return int64(seconds)
}

func claimsOf(t testing.TB, bearer string) map[string]any {
	t.Helper()
	var claims map[string]any
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(bearer, ".")[1])
	if err == nil {
		err = json.Unmarshal(data, &claims)
	}
	if err != nil {
		t.Fatalf("the claims of a bearer: %v", err)
	}
	return claims
}

// TestConnectionsOfAllNodes lists and cuts connections at a node that does not have them.
func TestConnectionsOfAllNodes(t *testing.T) {
	g, _ := threeNodes(t)
	bearer := g.idp.bearer(t, "alice")
	var conns []ticketedConn
	var want []string
	for _, s := range g.nodes {
		c := g.ticketed(t, s, bearer)
		conns, want = append(conns, c), append(want, c.id)
	}
	mustWatch(t, g.nodes[0], g.idp.bearer(t, "bob"))
	listed := func(s server) (ids []string, partial bool) {
		t.Helper()
		query := url.Values{"iss": {g.idp.name}, "sub": {"alice"}}
		got, err := g.client.send(t.Context(), http.MethodGet, "http://"+s.internal+"/connections?"+query.Encode(), g.key)
		if err != nil || got.status != http.StatusOK {
			t.Fatalf("GET /connections: got %v %s, %v; want 200", got, got.body, err)
		}
		var answered struct {
			Connections []struct {
				ID string `json:"connection_id"`
			}
			Partial bool
		}
		if err := json.Unmarshal([]byte(got.body), &answered); err != nil {
			t.Fatal(err)
		}
		for _, c := range answered.Connections {
			ids = append(ids, c.ID)
		}
		return ids, answered.Partial
	}
	slices.Sort(want)
	for n, s := range g.nodes {
		if got, partial := listed(s); !slices.Equal(got, want) || partial {
			t.Errorf("at node %d: got %q, partial %t; want %q of all nodes", n, got, partial, want)
		}
	}
	cut := func(s server, id string, want int) {
		t.Helper()
		got, err := g.client.send(t.Context(), http.MethodDelete, "http://"+s.internal+"/connections/"+id, g.key)
		if err != nil || got.status != want {
			t.Errorf("DELETE /connections/%s: got %v, %v; want %d", id, got, err, want)
		}
	}
	cut(g.nodes[2], conns[0].id, http.StatusNoContent)
	conns[0].wantEnd(t, "the connection that was cut at another node", 4003)
	cut(g.nodes[2], "AAAAAAAAAAAAAAAAAAAAAA", http.StatusNotFound)
	// A node that does not answer is named, and nothing is said to be absent.
	g.nodes[1].signal(t, syscall.SIGSTOP)
	if got, partial := listed(g.nodes[2]); !partial || !slices.Contains(got, conns[2].id) {
		t.Errorf("while a node sleeps: got %q, partial %t; want the others, and that they are not all", got, partial)
	}
	cut(g.nodes[2], conns[1].id, http.StatusServiceUnavailable)
	g.nodes[1].signal(t, syscall.SIGCONT)
	conns[1].wantOpen(t, "a connection that nobody has cut")
}

// TestPendingTicketsAreVoid revokes a user whose ticket is not redeemed yet.
func TestPendingTicketsAreVoid(t *testing.T) {
	g, _ := threeNodes(t)
	alice, bob := g.idp.bearer(t, "alice"), g.idp.bearer(t, "bob")
	pending, other := g.client.mustIssue(t, g.nodes[0], alice), g.client.mustIssue(t, g.nodes[0], bob)
	g.revokeUser(t, g.nodes[1], "alice", "end")
	g.wantRefusedEverywhere(t, "the bearer", alice)
	wantConnect(t, "the ticket of the user", g.nodes[2], doorQuery, pending.Token, refused)
	wantConnect(t, "the ticket of another user", g.nodes[2], doorQuery, other.Token, admitted)
}

// TestManyClosingsLetMessagesThrough closes thousands of connections at once, and
// measures the round trips of another one meanwhile.
func TestManyClosingsLetMessagesThrough(t *testing.T) {
	size := 10_000
	if testing.Short() {
		size = 600
	}
	g := newGuarded(t, []string{"memory:"}, "public.max_connections_per_address=12000")
	of := g.crowd(t, size, []string{g.idp.bearer(t, "alice")})
	other := mustWatch(t, g.nodes[0], g.idp.bearer(t, "bob"))
	calm := roundTrips(t, other, 50)
	start := time.Now()
	g.revokeUser(t, g.nodes[0], "alice", "end")
	during := roundTrips(t, other, 50)
	var last time.Time
	for _, w := range of[0] {
		if at := w.wantEnd(t, "a connection of the user", 4003).at; at.After(last) {
			last = at
		}
	}
	t.Logf("%d closed in %v; a round trip takes %v before and %v meanwhile (the slowest of 50: %v and %v)", size,
		last.Sub(start).Round(time.Millisecond), calm[25], during[25], calm[49], during[49])
}

// roundTrips measures some, and sorts them.
func roundTrips(t testing.TB, w *watched, n int) []time.Duration {
	t.Helper()
	var all []time.Duration
	for range n {
		start := time.Now()
		w.wantOpen(t, "another connection")
		all = append(all, time.Since(start).Round(10*time.Microsecond))
	}
	slices.Sort(all)
	return all
}
