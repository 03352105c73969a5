package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(tb testing.TB) storetest.Subject {
		c := &clock{}
		return storetest.Subject{
			Store:     newMemory(tb, store.MemoryOptions{Retention: retention, Now: c.now}),
			Retention: retention,
			Advance:   c.advance,
		}
	})
}

func TestRedis(t *testing.T) {
	server := testenv.Redis(t)
	conform(t, server.URL(), server)
}

// age shortens what each key has left by d. What a store has set decides what
// is left, as it does when the time really passes.
func age(tb testing.TB, c *redis.Client, d time.Duration) {
	tb.Helper()
	for key, left := range lifetimes(tb, c) {
		if err := c.PExpire(tb.Context(), key, left-d).Err(); err != nil {
			tb.Fatalf("age: %v", err)
		}
	}
}

// wantAllKeysToEnd fails where a key would stay for ever.
func wantAllKeysToEnd(tb testing.TB, c *redis.Client) {
	tb.Helper()
	for key, left := range lifetimes(tb, c) {
		if left <= 0 || left > retention {
			tb.Errorf("key %q lives for %v, want at most the retention of %v", key, left, retention)
		}
	}
}

// lifetimes returns what each key has left: negative where it has no end.
func lifetimes(tb testing.TB, c *redis.Client) map[string]time.Duration {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context()) // it is called by cleanups too
	left := make(map[string]time.Duration)
	keys := c.Scan(ctx, 0, "*", 100).Iterator()
	for keys.Next(ctx) {
		ttl, err := c.PTTL(ctx, keys.Val()).Result()
		if err != nil {
			tb.Fatalf("pttl: %v", err)
		}
		if ttl != -2 { // gone between the two questions
			left[keys.Val()] = ttl
		}
	}
	if err := keys.Err(); err != nil && !errors.Is(err, redis.Nil) {
		tb.Fatalf("scan: %v", err)
	}
	return left
}
