package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/store/storetest"
	"wsticket/ticket"
)

// conform runs the suite on servers that are there already. What stores
// written by one case left behind does not reach the next one, which has a
// prefix of its own. The primaries are all the servers that keep tickets.
func conform(t *testing.T, url string, primaries ...*testenv.RedisServer) {
	t.Helper()
	clients := make([]*redis.Client, len(primaries))
	for i, s := range primaries {
		clients[i] = plainClient(t, s)
	}
	cases := 0
	storetest.Run(t, func(tb testing.TB) storetest.Subject {
		cases++
		open := func() *store.Redis {
			o := store.RedisOptions{Prefix: fmt.Sprintf("case%d:", cases), Retention: retention, Timeout: patience}
			r, err := store.OpenRedis(url, o)
			if err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(func() { closeStore(tb, r) })
			return r
		}
		tb.Cleanup(func() {
			for _, c := range clients {
				wantAllKeysToEnd(tb, c)
			}
		})
		return storetest.Subject{
			Store: open(), Twin: open(), Retention: retention,
			Advance: func(d time.Duration) {
				for _, c := range clients {
					age(tb, c, d)
				}
			},
		}
	})
}

func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	servers := testenv.Sentinel(t)
	conform(t, servers.URL(), servers.Primary())

	t.Run("a name that they do not know is no answer about tickets", func(t *testing.T) {
		url := strings.Replace(servers.URL(), testenv.SentinelName+"@", "other@", 1)
		for _, mode := range []store.FenceMode{store.FenceAuto, store.FenceOff} {
			s, err := store.OpenRedis(url, store.RedisOptions{Fence: mode})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { closeStore(t, s) })
			for what, err := range operations(t, t.Context(), s, ticket.NewID()) {
				wantKind(t, what, err, store.OutageConnection)
			}
			wantKind(t, "ping", s.Ping(t.Context()), store.OutageConnection)
			wantKind(t, "check eviction", s.CheckEviction(t.Context()), store.OutageConnection)
		}
	})
	t.Run("one of them may be frozen", func(t *testing.T) {
		for _, frozen := range servers.Sentinels() {
			frozen.Freeze()
			s := openRedis(t, servers.URL())
			eventually(t, 5*time.Second, "a new ticket", func() bool {
				return s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime) == nil
			})
			frozen.Thaw()
		}
	})
}
