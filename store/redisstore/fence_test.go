package redisstore_test

import (
	"strings"
	"sync"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// wantFenced checks a live and a spent ticket from before a failover: both are
// refused, and a lookup returns only the mark.
func wantFenced(tb testing.TB, s ticket.Store, live, spent ticket.ID) {
	tb.Helper()
	for _, id := range []ticket.ID{live, spent} {
		for _, attempt := range []string{"a", "b"} { // "a" has spent it.
			entry, err := s.Consume(tb.Context(), id, fixture.Redeemed(attempt), fixture.Retry)
			fixture.WantErr(tb, "consume", err, ticket.ErrFenced)
			if entry.Record.Payload != nil {
				tb.Errorf("consume: got payload %q with the error", entry.Record.Payload)
			}
		}
		fixture.WantErr(tb, "settle", s.Settle(tb.Context(), id, fixture.Redeemed("a")), ticket.ErrFenced)
	}
	_, err := s.Lookup(tb.Context(), live)
	fixture.WantErr(tb, "lookup of the live one", err, ticket.ErrNotFound)
	entry, err := s.Lookup(tb.Context(), spent)
	if err != nil || entry.Mark.State != ticket.Redeemed {
		tb.Errorf("lookup of the spent one: got %v, %v; want it redeemed", entry.Mark.State, err)
	}
}

// mustWorkAgain creates a ticket and consumes it. A ticket that Create accepts
// must be good, even if the change of the primary was not noticed before.
func mustWorkAgain(tb testing.TB, s ticket.Store) {
	tb.Helper()
	id := ticket.NewID()
	test.Wait(tb, "a new ticket", func() bool {
		return s.Create(tb.Context(), id, fixture.Record(), fixture.Lifetime) == nil
	})
	fixture.Consume(tb, s, id)
}

// A restart refuses old tickets even if the server has kept all data, because it
// cannot be known that it has.
func TestRestartFencesOpenTickets(t *testing.T) {
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	one, two := openStore(t, server.URL()), openStore(t, server.URL())
	live, spent := fixture.Create(t, one), fixture.Create(t, one)
	fixture.Consume(t, two, spent)
	for range 2 {
		server.Restart()
		mustWorkAgain(t, one)
		wantFenced(t, two, live, spent)
		mustWorkAgain(t, two)
		live, spent = fixture.Create(t, two), fixture.Create(t, one)
		fixture.Consume(t, one, spent)
	}
}

// A primary that was a replica for a moment may have copied any data. Its
// connections stay open all the time.
func TestDemotedAndPromoted(t *testing.T) {
	server := testenv.Redis(t)
	one, two := openStore(t, server.URL()), openStore(t, server.URL())
	live, spent := fixture.Create(t, one), fixture.Create(t, two)
	fixture.Consume(t, one, spent)
	server.MustAsk("replicaof", "127.0.0.1", "1")
	server.MustAsk("replicaof", "no", "one")
	wantFenced(t, one, live, spent)
	mustWorkAgain(t, one) // It has learned from the refusal.
	test.Wait(t, "a good ticket of a store that has seen no refusal", func() bool {
		_, err := one.Consume(t.Context(), fixture.Create(t, two), fixture.Redeemed("a"), fixture.Retry)
		return err == nil
	})
}

// A replica is unavailable, for unknown tickets too.
func TestReplica(t *testing.T) {
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	live, spent := fixture.Create(t, s), fixture.Create(t, s)
	fixture.Consume(t, s, spent)
	server.MustAsk("replicaof", "127.0.0.1", "1")
	for range 2 {
		for _, id := range []ticket.ID{live, spent, ticket.NewID()} {
			for what, err := range fixture.Operations(t, t.Context(), s, id) {
				wantKind(t, what, err, redisstore.OutageReadOnly)
			}
		}
		s = openStore(t, server.URL()) // And a store that never knew it as a primary.
	}
	_, err := s.Probe(t.Context())
	wantKind(t, "probe", err, redisstore.OutageReadOnly)
	server.MustAsk("replicaof", "no", "one")
	mustWorkAgain(t, s)
}

// A replica remembers the identity of its former primary, in the field
// master_replid2, which is not its own.
func TestPromotedReplicaRemembersItsPrimary(t *testing.T) {
	old := testenv.Redis(t)
	s := openStore(t, old.URL())
	promoted := testenv.Replica(t, old.Addr())
	live, spent := mustCreateKnown(t, s), fixture.Create(t, s)
	fixture.Consume(t, s, spent)
	client := plainClient(t, promoted)
	test.Wait(t, "the replica has them", func() bool {
		value, err := client.Get(t.Context(), key(spent)).Bytes()
		return err == nil && value[73] > 1
	})
	promoted.MustAsk("replicaof", "no", "one")
	after := openStore(t, promoted.URL())
	wantFenced(t, after, live, spent)
	mustWorkAgain(t, after)
}

// mustCreateKnown returns a ticket that can be consumed: a server changes its
// replication identity when it gets its first replica.
func mustCreateKnown(t *testing.T, s *redisstore.Store) ticket.ID {
	t.Helper()
	test.Wait(t, "the fence", func() bool {
		_, err := s.Consume(t.Context(), fixture.Create(t, s), fixture.Redeemed("a"), fixture.Retry)
		return err == nil
	})
	return fixture.Create(t, s)
}

// If the server was restarted before the record arrives, Create sends it again,
// and the ticket is good.
func TestCreateDuringRestart(t *testing.T) {
	server := testenv.Redis(t)
	stores := []*redisstore.Store{openStore(t, server.URL()), openStore(t, server.URL())}
	redisstore.UsePipeline(stores[1], 1, nil)
	for range 3 {
		for _, s := range stores {
			fixture.Consume(t, s, fixture.Create(t, s)) // It knows the fence.
			server.Restart()
			ids := make([]ticket.ID, 32)
			errs := make([]error, len(ids))
			var all sync.WaitGroup
			for i := range ids {
				ids[i] = ticket.NewID()
				all.Go(func() { errs[i] = s.Create(t.Context(), ids[i], fixture.Record(), fixture.Lifetime) })
			}
			all.Wait()
			for i, id := range ids {
				if errs[i] != nil {
					fixture.WantErr(t, "create", errs[i], ticket.ErrUnavailable)
					continue
				}
				fixture.Consume(t, s, id)
			}
		}
	}
}

// hide makes a user with all permissions but the one for INFO.
func hide(tb testing.TB, server *testenv.RedisServer) (url string) {
	tb.Helper()
	server.MustAsk("acl", "setuser", "blind", "on", ">x", "~*", "+@all", "-info")
	return "redis://blind:x@" + server.Addr()
}

func TestProbe(t *testing.T) {
	server := testenv.Redis(t)
	hidden := hide(t, server)
	tests := []struct {
		rule, url string
		mode      redisstore.FenceMode
		fenced    bool
		weaker    string
		kind      redisstore.OutageKind
	}{
		{"auto uses a fence", server.URL(), redisstore.FenceAuto, true, "", ""},
		{"require uses it", server.URL(), redisstore.FenceRequire, true, "", ""},
		{"off does without", server.URL(), redisstore.FenceOff, false, "the fence is switched off: ", ""},
		{"auto goes without if it has to", hidden, redisstore.FenceAuto, false, "Redis does not report its replication identity", ""},
		{"require does not", hidden, redisstore.FenceRequire, false, "", redisstore.OutageFence},
		{"off does not even ask", "redis://127.0.0.1:1", redisstore.FenceOff, false, "the fence is switched off: ", ""},
		{"no server", "redis://127.0.0.1:1", redisstore.FenceAuto, false, "", redisstore.OutageConnection},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := openWith(t, tt.url, redisstore.Options{Fence: tt.mode})
			got, err := s.Probe(t.Context())
			if tt.kind != "" {
				wantKind(t, "probe", err, tt.kind)
			} else if err != nil {
				t.Errorf("probe: %v", err)
			}
			if got.Fenced != tt.fenced || !strings.HasPrefix(got.Weaker, tt.weaker) || tt.weaker == "" && got.Weaker != "" {
				t.Errorf("got %+v, want fenced %v, weaker %q…", got, tt.fenced, tt.weaker)
			}
		})
	}
}

// If the server does not report its identity, tickets work without a fence, and
// those with a fence are refused.
func TestWithoutFence(t *testing.T) {
	server := testenv.Redis(t)
	hidden := hide(t, server)
	fenced := openWith(t, server.URL(), redisstore.Options{Fence: redisstore.FenceAuto})
	plain := map[string]*redisstore.Store{
		"auto":                 openWith(t, hidden, redisstore.Options{Fence: redisstore.FenceAuto}),
		"auto, consumed first": openWith(t, hidden, redisstore.Options{Fence: redisstore.FenceAuto}),
		"off":                  openWith(t, server.URL(), redisstore.Options{Fence: redisstore.FenceOff}),
	}
	fixture.WantRefused(t, plain["auto, consumed first"], ticket.NewID(), ticket.ErrNotFound)
	for name, s := range plain {
		t.Run(name, func(t *testing.T) {
			id := fixture.Create(t, s)
			fixture.WantRefused(t, fenced, id, ticket.ErrFenced)
			fixture.WantErr(t, "settle", fenced.Settle(t.Context(), id, fixture.Redeemed("a")), ticket.ErrFenced)
			fixture.Consume(t, s, id)
			fixture.WantRefused(t, s, id, ticket.ErrSpent)

			id = fixture.Create(t, fenced)
			fixture.WantRefused(t, s, id, ticket.ErrFenced)
			_, err := s.Lookup(t.Context(), id)
			fixture.WantErr(t, "lookup", err, ticket.ErrNotFound)
			fixture.Consume(t, fenced, id)
			fixture.WantRefused(t, s, id, ticket.ErrFenced)
		})
	}
}

// A store that has used fences does not accept a primary without, which may be
// another one.
func TestHidesLater(t *testing.T) {
	server := testenv.Redis(t)
	server.MustAsk("acl", "setuser", "clerk", "on", ">x", "~*", "+@all")
	s := openWith(t, "redis://clerk:x@"+server.Addr(), redisstore.Options{Fence: redisstore.FenceAuto})
	live := fixture.Create(t, s)
	server.MustAsk("acl", "setuser", "clerk", "-info")
	_, err := s.Consume(t.Context(), live, fixture.Redeemed("a"), fixture.Retry)
	wantKind(t, "consume", err, redisstore.OutageFence)
	off := openWith(t, "redis://clerk:x@"+server.Addr(), redisstore.Options{Fence: redisstore.FenceAuto})
	plain := fixture.Create(t, off)
	server.MustAsk("acl", "setuser", "clerk", "+info")
	fixture.Consume(t, s, live)
	fixture.WantRefused(t, s, plain, ticket.ErrFenced)
	fixture.Consume(t, off, plain) // Nor does one without begin to fence.
}

func TestRequiredFence(t *testing.T) {
	s := openWith(t, hide(t, testenv.Redis(t)), redisstore.Options{Fence: redisstore.FenceRequire})
	for what, err := range fixture.Operations(t, t.Context(), s, ticket.NewID()) {
		wantKind(t, what, err, redisstore.OutageFence)
	}
}

// With the fence off, the server is never asked for its identity.
func TestFenceOffAsksNothing(t *testing.T) {
	server := testenv.Redis(t)
	s := openWith(t, server.URL(), redisstore.Options{Fence: redisstore.FenceOff})
	if err := plainClient(t, server).ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	fixture.Consume(t, s, fixture.Create(t, s))
	stats := plainClient(t, server).InfoMap(t.Context(), "commandstats").Val()["Commandstats"]
	if got := stats["cmdstat_info"]; got != "" {
		t.Errorf("info: got %q, want it never asked", got)
	}
}

// After an outage of a node the client asks for the nodes again: another one may
// have its slots.
func TestClusterOutageOnFirstContact(t *testing.T) {
	c, asked := clusterClient(t, testenv.FreeAddr(t))
	s := redisstore.NewOn(c, redisstore.Options{Retention: fixture.Retention})
	fixture.WantRefused(t, s, ticket.NewID(), ticket.ErrUnavailable)
	before := asked.Load()
	test.Wait(t, "a look at the cluster", func() bool {
		err := create(t, s)
		fixture.WantErr(t, "create", err, ticket.ErrUnavailable)
		return asked.Load() > before+1
	})
}
