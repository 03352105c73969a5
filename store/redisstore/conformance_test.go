package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/store/storetest"
)

func TestConformance(t *testing.T) {
	server := testenv.Redis(t)
	conform(t, server.URL(), server)
}

// conform runs the suite on servers that are running. Each case has a prefix of
// its own, so that it does not see the tickets of others. The primaries are all
// servers that keep tickets.
func conform(t *testing.T, url string, primaries ...*testenv.RedisServer) {
	t.Helper()
	conformWith(t, func(tb testing.TB, o redisstore.Options) (store, twin *redisstore.Store) {
		return openWith(tb, url, o), openWith(tb, url, o)
	}, primaries...)
}

// conformWith is conform with two stores of the test's own.
func conformWith(
	t *testing.T, open func(testing.TB, redisstore.Options) (store, twin *redisstore.Store), primaries ...*testenv.RedisServer,
) {
	t.Helper()
	clients := make([]*redis.Client, len(primaries))
	for i, s := range primaries {
		clients[i] = plainClient(t, s)
	}
	cases := 0
	fresh := func(tb testing.TB) storetest.Subject {
		cases++
		store, twin := open(tb, redisstore.Options{Prefix: fmt.Sprintf("case%d:", cases), Timeout: patience})
		tb.Cleanup(func() {
			for _, c := range clients {
				wantAllKeysToEnd(tb, c)
			}
		})
		return storetest.Subject{
			Store: store, Twin: twin, Retention: fixture.Retention,
			Advance: func(d time.Duration) {
				for _, c := range clients {
					age(tb, c, d)
				}
			},
		}
	}
	storetest.Run(t, fresh)
	storetest.RunNotes(t, fresh)
	storetest.RunStreams(t, fresh)
	storetest.RunOnce(t, fresh)
}

// age shortens the time to live of each key by d.
func age(tb testing.TB, c *redis.Client, d time.Duration) {
	tb.Helper()
	for key, left := range lifetimes(tb, c) {
		if err := c.PExpire(tb.Context(), key, left-d).Err(); err != nil {
			tb.Fatalf("age: %v", err)
		}
	}
}

// wantAllKeysToEnd checks that each key has a time to live, and no longer one
// than the lifetime and the retention. The stream and its head are kept.
func wantAllKeysToEnd(tb testing.TB, c *redis.Client) {
	tb.Helper()
	for key, left := range lifetimes(tb, c) {
		if strings.Contains(key, "{live}:") {
			continue
		}
		if most := fixture.Lifetime + fixture.Retention; left <= 0 || left > most {
			tb.Errorf("key %q lives for %v, want at most %v", key, left, most)
		}
	}
}

// lifetimes returns the time to live of each key, negative if it has none.
func lifetimes(tb testing.TB, c *redis.Client) map[string]time.Duration {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context()) // Cleanups call it too.
	left := make(map[string]time.Duration)
	keys := c.Scan(ctx, 0, "*", 100).Iterator()
	for keys.Next(ctx) {
		ttl, err := c.PTTL(ctx, keys.Val()).Result()
		if err != nil {
			tb.Fatalf("pttl: %v", err)
		}
		if ttl != -2 { // Expired between the two commands.
			left[keys.Val()] = ttl
		}
	}
	if err := keys.Err(); err != nil && !errors.Is(err, redis.Nil) {
		tb.Fatalf("scan: %v", err)
	}
	return left
}
