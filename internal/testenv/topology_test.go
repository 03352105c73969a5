package testenv_test

import (
	"crypto/tls"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
)

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// eventually asks again until ok, or fails.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-end:
			t.Fatalf("%s: not in time", what)
		case <-tick.C:
		}
	}
}

// get returns "" for a key that is not there.
func get(t *testing.T, s *testenv.RedisServer, key string) string {
	t.Helper()
	value, _ := s.MustAsk("get", key).(string)
	return value
}

func addrs(servers []*testenv.RedisServer) []string {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = s.Addr()
	}
	return all
}

func TestReplica(t *testing.T) {
	primary := testenv.Redis(t)
	primary.MustAsk("set", "key", "before")
	proxy := testenv.Proxy(t, primary.Addr())
	replica := testenv.Replica(t, proxy.Addr())
	if !primary.IsPrimary(t.Context()) || replica.IsPrimary(t.Context()) {
		t.Error("the wrong one is the primary")
	}
	has := func(value string) func() bool {
		return func() bool { return get(t, replica, "key") == value }
	}
	eventually(t, "the replica has what was there", has("before"))
	primary.MustAsk("set", "key", "after")
	eventually(t, "the replica follows", has("after"))

	proxy.StallReplication()
	primary.MustAsk("set", "key", "unseen")
	through := one(t, redis.Options{Addr: proxy.Addr()})
	if got := through.Get(t.Context(), "key").Val(); got != "unseen" {
		t.Errorf("a client during a stall of the replication: got %q, want it served", got)
	}
	if !has("after")() {
		t.Error("the replica got what was held back")
	}
	info, _ := replica.MustAsk("info", "replication").(string)
	if !strings.Contains(info, "master_link_status:up") {
		t.Errorf("the replica noticed: %s", info)
	}
	proxy.Heal()
	eventually(t, "the replica catches up", has("unseen"))
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := testenv.Sentinel(t)
	first, replica := s.Servers()[0], s.Servers()[1]
	if got := s.Primary(); got != first {
		t.Fatalf("primary: got %s, want %s", got.Addr(), first.Addr())
	}
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: testenv.SentinelName, SentinelAddrs: addrs(s.Sentinels())})
	defer func() { _ = c.Close() }()
	if err := c.Set(t.Context(), "key", "copied", 0).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica follows", func() bool {
		return get(t, replica, "key") == "copied"
	})
	s.CutReplication()
	if err := c.Set(t.Context(), "key", "lost", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.KillPrimary()
	start := time.Now()
	if got := s.AwaitFailover(t.Context()); got != replica || s.Primary() != replica {
		t.Errorf("failover to %s, want %s", got.Addr(), replica.Addr())
	}
	t.Logf("failover took %v", time.Since(start).Round(time.Millisecond))
	eventually(t, "the client follows", func() bool { return c.Get(t.Context(), "key").Val() == "copied" })
}

// The isolated primary serves whoever has its own address, and becomes a
// replica when it is back.
func TestSentinelIsolatedPrimary(t *testing.T) {
	t.Parallel()
	s := testenv.Sentinel(t)
	first := s.Primary()
	s.IsolatePrimary()
	promoted := s.AwaitFailover(t.Context())
	first.MustAsk("set", "key", "here")
	promoted.MustAsk("set", "key", "there")
	if !first.IsPrimary(t.Context()) {
		t.Error("the isolated primary stepped down, want both sides to serve")
	}
	s.Heal()
	eventually(t, "the old primary steps down", func() bool { return !first.IsPrimary(t.Context()) })
	eventually(t, "it takes what the new one has", func() bool {
		return get(t, first, "key") == "there"
	})
	if n := len(s.Sentinels()); n != 3 || !strings.HasPrefix(s.URL(), "redis+sentinel://tickets@127.0.0.1:") {
		t.Errorf("got %d Sentinels and URL %q", n, s.URL())
	}
}

func TestClusterMigrationAndDeath(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs(c.Servers())})
	defer func() { _ = client.Close() }()
	used := make(map[*testenv.RedisServer]bool)
	for i := range 64 {
		key := fmt.Sprintf("key%d", i)
		if err := client.Set(t.Context(), key, key, 0).Err(); err != nil {
			t.Fatalf("set: %v", err)
		}
		used[c.MasterOf(key)] = true
	}
	if len(used) != 3 || len(c.Servers()) != 3 || !strings.HasPrefix(c.URL(), "redis+cluster://127.0.0.1:") {
		t.Fatalf("%d of %d masters are used, URL %q", len(used), len(c.Servers()), c.URL())
	}

	m := c.StartMigration("key1")
	if got := c.MasterOf("key1"); got != m.From {
		t.Errorf("during the migration: slot at %s, want %s", got.Addr(), m.From.Addr())
	}
	m.MoveKeys()
	mustAnswer(t, m.From.Addr(), "GET key1", fmt.Sprintf("-ASK %d %s", c.Slot("key1"), m.To.Addr()))
	m.Finish()
	mustAnswer(t, m.To.Addr(), "GET key1", "$4")
	mustAnswer(t, m.From.Addr(), "GET key1", fmt.Sprintf("-MOVED %d %s", c.Slot("key1"), m.To.Addr()))
	if back := c.MigrateSlot("key1"); back.From != m.To || c.MasterOf("key1") == m.To {
		t.Errorf("a second migration: from %s, want %s", back.From.Addr(), m.To.Addr())
	}

	dead := c.KillMasterOf("key1")
	if got, err := dead.Ask(t.Context(), "ping"); err == nil {
		t.Errorf("the killed master answers %v", got)
	}
	for i := range 64 {
		key := fmt.Sprintf("key%d", i)
		node := c.MasterOf(key)
		if node == dead {
			continue
		}
		if got := get(t, node, key); got != key {
			t.Errorf("%s: got %q, want the other slots served", key, got)
		}
	}
}

// secure lists what a URL names, and settings for it.
func secure(t *testing.T, url, scheme string) ([]string, *tls.Config) {
	t.Helper()
	rest, ok := strings.CutPrefix(url, scheme)
	hosts, caFile, found := strings.Cut(rest, "?ca_file=")
	if !ok || !found {
		t.Fatalf("URL: got %q", url)
	}
	return strings.Split(hosts, ","), trust(t, caFile)
}

func TestSentinelTLS(t *testing.T) {
	t.Parallel()
	s := testenv.SentinelTLS(t, testenv.TLS(t))
	hosts, config := secure(t, s.URL(), "rediss+sentinel://tickets@")
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: testenv.SentinelName, SentinelAddrs: hosts, TLSConfig: config})
	defer func() { _ = c.Close() }()
	if err := c.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.KillPrimary()
	s.AwaitFailover(t.Context())
	eventually(t, "the client follows", func() bool { return c.Get(t.Context(), "key").Val() == "value" })
}

func TestClusterTLS(t *testing.T) {
	t.Parallel()
	cluster := testenv.ClusterTLS(t, testenv.TLS(t))
	hosts, config := secure(t, cluster.URL(), "rediss+cluster://")
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: hosts[:1], TLSConfig: config})
	defer func() { _ = c.Close() }()
	for i := range 16 {
		key := fmt.Sprintf("key%d", i)
		if err := c.Set(t.Context(), key, key, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got := get(t, cluster.MasterOf(key), key); got != key {
			t.Errorf("%s: got %q at its master", key, got)
		}
	}
}
