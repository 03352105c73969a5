package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

// openFenced opens a store with a mode of the fence.
func openFenced(tb testing.TB, url string, mode store.FenceMode) *store.Redis {
	tb.Helper()
	r, err := store.OpenRedis(url, store.RedisOptions{Retention: retention, Fence: mode})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeStore(tb, r) })
	return r
}

// wantFenced checks what is left of a live and of a spent ticket from before a
// failover: nobody consumes or settles either, and receipts tell what is known.
func wantFenced(tb testing.TB, s ticket.Store, live, spent ticket.ID) {
	tb.Helper()
	for _, id := range []ticket.ID{live, spent} {
		for _, attempt := range []string{"a", "b"} { // "a" is the one that spent it
			entry, err := s.Consume(tb.Context(), id, redeemed(attempt), retry)
			wantErr(tb, "consume", err, ticket.ErrFenced)
			if entry.Record.Payload != nil {
				tb.Errorf("consume: got payload %q with the error", entry.Record.Payload)
			}
		}
		wantErr(tb, "settle", s.Settle(tb.Context(), id, redeemed("a")), ticket.ErrFenced)
	}
	_, err := s.Lookup(tb.Context(), live)
	wantErr(tb, "lookup of the live one", err, ticket.ErrNotFound)
	entry, err := s.Lookup(tb.Context(), spent)
	if err != nil || entry.Mark.State != ticket.Redeemed {
		tb.Errorf("lookup of the spent one: got %v, %v; want it redeemed", entry.Mark.State, err)
	}
}

// mustWorkAgain issues a ticket and redeems it. What Create has not refused
// has to be good, also where nobody noticed yet that the primary is another.
func mustWorkAgain(tb testing.TB, s ticket.Store) {
	tb.Helper()
	id := ticket.NewID()
	eventually(tb, time.Second, "a new ticket", func() bool {
		return s.Create(tb.Context(), id, record("grant"), lifetime) == nil
	})
	mustConsume(tb, s, id)
}

// A server that keeps everything brings everything back, and nobody can tell
// whether it really is everything.
func TestRedisRestartFencesOpenTickets(t *testing.T) {
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	one, two := openRedis(t, server.URL()), openRedis(t, server.URL())
	live, spent := mustCreate(t, one), mustCreate(t, one)
	mustConsume(t, two, spent)
	for range 2 {
		server.Restart()
		mustWorkAgain(t, one)
		wantFenced(t, two, live, spent)
		mustWorkAgain(t, two)
		live, spent = mustCreate(t, two), mustCreate(t, one)
		mustConsume(t, one, spent)
	}
}

// A primary that was a replica for a moment may have taken over anything. Its
// connections have stayed open all the time.
func TestRedisDemotedAndPromoted(t *testing.T) {
	server := testenv.Redis(t)
	one, two := openRedis(t, server.URL()), openRedis(t, server.URL())
	live, spent := mustCreate(t, one), mustCreate(t, two)
	mustConsume(t, one, spent)
	server.MustAsk("replicaof", "127.0.0.1", "1")
	server.MustAsk("replicaof", "no", "one")
	wantFenced(t, one, live, spent)
	mustWorkAgain(t, one) // it has learned from the refusal
	eventually(t, 2*time.Second, "a new ticket of a store that was not told", func() bool {
		_, err := one.Consume(t.Context(), mustCreate(t, two), redeemed("a"), retry)
		return err == nil
	})
}

// A replica is no place for tickets, also for those that it has never heard of.
func TestRedisReplica(t *testing.T) {
	server := testenv.Redis(t)
	s := openRedis(t, server.URL())
	live, spent := mustCreate(t, s), mustCreate(t, s)
	mustConsume(t, s, spent)
	server.MustAsk("replicaof", "127.0.0.1", "1")
	for range 2 {
		for _, id := range []ticket.ID{live, spent, ticket.NewID()} {
			for what, err := range operations(t, t.Context(), s, id) {
				wantKind(t, what, err, store.OutageReadOnly)
			}
		}
		s = openRedis(t, server.URL()) // and a store that knows it as nothing else
	}
	_, err := s.Probe(t.Context())
	wantKind(t, "probe", err, store.OutageReadOnly)
	server.MustAsk("replicaof", "no", "one")
	mustWorkAgain(t, s)
}

// The primary of before is remembered by every replica of it, in the field
// master_replid2. That is not its own name.
func TestRedisPromotedReplicaRemembersItsPrimary(t *testing.T) {
	old := testenv.Redis(t)
	s := openRedis(t, old.URL())
	live, spent := mustCreate(t, s), mustCreate(t, s)
	mustConsume(t, s, spent)
	promoted := testenv.Replica(t, old.Addr())
	live2, spent2 := mustCreateKnown(t, s), mustCreate(t, s)
	mustConsume(t, s, spent2)
	client := plainClient(t, promoted)
	eventually(t, 10*time.Second, "the replica has them", func() bool {
		value, err := client.Get(t.Context(), store.DefaultPrefix+string(spent2)).Bytes()
		return err == nil && value[73] > 1
	})
	promoted.MustAsk("replicaof", "no", "one")
	after := openRedis(t, promoted.URL())
	wantFenced(t, after, live, spent)
	wantFenced(t, after, live2, spent2)
	mustWorkAgain(t, after)
}

// mustCreateKnown returns a ticket that can be consumed: the first replica of
// a server changes its replication identity.
func mustCreateKnown(t *testing.T, s *store.Redis) ticket.ID {
	t.Helper()
	eventually(t, 2*time.Second, "the fence", func() bool {
		_, err := s.Consume(t.Context(), mustCreate(t, s), redeemed("a"), retry)
		return err == nil
	})
	return mustCreate(t, s)
}

// Where the server is another one by the time that the record arrives, Create
// makes it once more, and its ticket is good.
func TestRedisCreateDuringRestart(t *testing.T) {
	server := testenv.Redis(t)
	stores := []*store.Redis{openRedis(t, server.URL()), openRedis(t, server.URL())}
	store.UsePipeline(stores[1], 1, nil)
	for range 3 {
		for _, s := range stores {
			mustConsume(t, s, mustCreate(t, s)) // it knows the fence
			server.Restart()
			ids := make([]ticket.ID, 32)
			errs := make([]error, len(ids))
			var all sync.WaitGroup
			for i := range ids {
				ids[i] = ticket.NewID()
				all.Go(func() { errs[i] = s.Create(t.Context(), ids[i], record("grant"), lifetime) })
			}
			all.Wait()
			for i, id := range ids {
				if errs[i] != nil {
					wantErr(t, "create", errs[i], ticket.ErrUnavailable)
					continue
				}
				mustConsume(t, s, id)
			}
		}
	}
}

// hide makes a user that may do all but ask who the server is.
func hide(tb testing.TB, server *testenv.RedisServer) (url string) {
	tb.Helper()
	server.MustAsk("acl", "setuser", "blind", "on", ">x", "~*", "+@all", "-info")
	return "redis://blind:x@" + server.Addr()
}

func TestRedisProbe(t *testing.T) {
	server := testenv.Redis(t)
	hidden := hide(t, server)
	tests := []struct {
		rule, url string
		mode      store.FenceMode
		fenced    bool
		weaker    string
		kind      store.OutageKind
	}{
		{"auto takes what there is", server.URL(), store.FenceAuto, true, "", ""},
		{"require finds it", server.URL(), store.FenceRequire, true, "", ""},
		{"off does without", server.URL(), store.FenceOff, false, "the fence is switched off: ", ""},
		{"auto does without where it has to", hidden, store.FenceAuto, false, "Redis does not tell its replication identity", ""},
		{"require does not", hidden, store.FenceRequire, false, "", store.OutageFence},
		{"off does not even ask", "redis://127.0.0.1:1", store.FenceOff, false, "the fence is switched off: ", ""},
		{"nobody there", "redis://127.0.0.1:1", store.FenceAuto, false, "", store.OutageConnection},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := openFenced(t, tt.url, tt.mode)
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

// Where the server does not tell who it is, tickets work without a fence, and
// those that were promised one are refused there.
func TestRedisWithoutFence(t *testing.T) {
	server := testenv.Redis(t)
	hidden := hide(t, server)
	fenced := openFenced(t, server.URL(), store.FenceAuto)
	plain := map[string]*store.Redis{
		"auto":                 openFenced(t, hidden, store.FenceAuto),
		"auto, consumed first": openFenced(t, hidden, store.FenceAuto),
		"off":                  openFenced(t, server.URL(), store.FenceOff),
	}
	wantRefused(t, plain["auto, consumed first"], ticket.NewID(), ticket.ErrNotFound)
	for name, s := range plain {
		t.Run(name, func(t *testing.T) {
			id := mustCreate(t, s)
			wantRefused(t, fenced, id, ticket.ErrFenced)
			wantErr(t, "settle", fenced.Settle(t.Context(), id, redeemed("a")), ticket.ErrFenced)
			mustConsume(t, s, id)
			wantRefused(t, s, id, ticket.ErrSpent)

			id = mustCreate(t, fenced)
			wantRefused(t, s, id, ticket.ErrFenced)
			_, err := s.Lookup(t.Context(), id)
			wantErr(t, "lookup", err, ticket.ErrNotFound)
			mustConsume(t, fenced, id)
			wantRefused(t, s, id, ticket.ErrFenced)
		})
	}
}

// A store that has fenced once does not go on without, where a new primary
// knows other rules or hides who it is.
func TestRedisHidesLater(t *testing.T) {
	server := testenv.Redis(t)
	server.MustAsk("acl", "setuser", "clerk", "on", ">x", "~*", "+@all")
	s := openFenced(t, "redis://clerk:x@"+server.Addr(), store.FenceAuto)
	live := mustCreate(t, s)
	server.MustAsk("acl", "setuser", "clerk", "-info")
	_, err := s.Consume(t.Context(), live, redeemed("a"), retry)
	wantKind(t, "consume", err, store.OutageFence)
	server.MustAsk("acl", "setuser", "clerk", "+info")
	mustConsume(t, s, live)
}

func TestRedisRequiredFence(t *testing.T) {
	s := openFenced(t, hide(t, testenv.Redis(t)), store.FenceRequire)
	for what, err := range operations(t, t.Context(), s, ticket.NewID()) {
		wantKind(t, what, err, store.OutageFence)
	}
}

// Off is off: the server is never asked who it is.
func TestRedisFenceOffAsksNothing(t *testing.T) {
	server := testenv.Redis(t)
	s := openFenced(t, server.URL(), store.FenceOff)
	if err := plainClient(t, server).ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	mustConsume(t, s, mustCreate(t, s))
	stats := plainClient(t, server).InfoMap(t.Context(), "commandstats").Val()["Commandstats"]
	if got := stats["cmdstat_info"]; got != "" {
		t.Errorf("info: got %q, want it never asked", got)
	}
}

// A server that is gone, and has been forgotten, is looked for again: on a
// cluster another one may have its slots.
func TestRedisClusterOutageOnFirstContact(t *testing.T) {
	c, asked := clusterClient(t, testenv.FreeAddr(t))
	s := lend(t, c)
	wantRefused(t, s, ticket.NewID(), ticket.ErrUnavailable)
	before := asked.Load()
	eventually(t, 2*time.Second, "a look at the cluster", func() bool {
		err := s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
		wantErr(t, "create", err, ticket.ErrUnavailable)
		return asked.Load() > before+1
	})
}

func TestNewRedisRefusesWhatCannotBeFenced(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}, HeartbeatFrequency: time.Hour})
	t.Cleanup(func() { closeStore(t, ring) })
	_, err := store.NewRedis(store.RedisOptions{Client: ring, Fence: "maybe"})
	if err == nil {
		t.Fatal("got no error")
	}
	want := strings.Join([]string{
		`store: redis: fence: must be auto, require or off (got "maybe")`,
		"store: redis: client: must not be a Ring",
	}, "\n")
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// A client that somebody lends has no connections that tell. It learns by
// asking, and from refusals.
func TestRedisFenceOnLentClient(t *testing.T) {
	server := testenv.Redis(t, "--appendonly", "yes")
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), DisableIdentity: true})
	t.Cleanup(func() { closeStore(t, c) })
	s := lend(t, c)
	live, spent := mustCreate(t, s), mustCreate(t, s)
	mustConsume(t, s, spent)
	server.Restart()
	wantFenced(t, s, live, spent)
	mustWorkAgain(t, s)
	if _, err := s.Lookup(t.Context(), "nobody's"); !errors.Is(err, ticket.ErrNotFound) {
		t.Errorf("lookup: got %v, want ErrNotFound", err)
	}
}
