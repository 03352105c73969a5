package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

// The benchmarks name the number of callers last. BenchmarkFloor is what the
// client library and Redis take for one plain command with the same value, and
// BenchmarkPipeline what sharing pipelines is worth: read all as ratios to the
// floor, within one run.

// benchTimeout is long, because 256 callers on a laptop wait for each other.
const benchTimeout = 10 * time.Second

// benchLifetime is short, so that what one benchmark created is no burden to
// the next.
const benchLifetime = 5 * time.Second

func benchCallers() []int { return []int{1, 16, 64, 256} }

// benchRecord has a payload of the usual size.
func benchRecord() ticket.Record { return record(strings.Repeat("g", 300)) }

// each calls fn for 0 to n-1 from so many goroutines.
func each(b *testing.B, callers, n int, fn func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := fn(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func newIDs(n int) []ticket.ID {
	ids := make([]ticket.ID, n)
	for i := range ids {
		ids[i] = ticket.NewID()
	}
	return ids
}

// measure runs fn b.N times after prepare has done so.
func measure(b *testing.B, callers int, prepare, fn func(ctx context.Context, id ticket.ID) error) {
	b.Helper()
	b.ReportAllocs()
	ctx, ids := b.Context(), newIDs(b.N)
	each(b, 16, b.N, func(i int) error { return prepare(ctx, ids[i]) })
	b.ResetTimer()
	each(b, callers, b.N, func(i int) error { return fn(ctx, ids[i]) })
}

func nothing(context.Context, ticket.ID) error { return nil }

func BenchmarkMemory(b *testing.B) {
	s := newMemory(b, store.MemoryOptions{MaxTickets: 100_000_000})
	for _, callers := range benchCallers() {
		b.Run(fmt.Sprintf("Create/%d", callers), func(b *testing.B) { benchCreate(b, s, callers) })
		b.Run(fmt.Sprintf("Consume/%d", callers), func(b *testing.B) { benchConsume(b, s, callers) })
	}
}

// BenchmarkPipeline compares the ways to Redis: each command on a connection
// of its own, all of them in pipelines, and what a store chooses.
func BenchmarkPipeline(b *testing.B) {
	ways := []struct {
		name string
		from int64
	}{{"plain", -1}, {"pipelined", 1}, {"auto", store.Crowd}}
	url := testenv.Redis(b).URL()
	for _, callers := range benchCallers() {
		for _, way := range ways {
			s, err := store.OpenRedis(url, store.RedisOptions{Timeout: benchTimeout})
			if err != nil {
				b.Fatal(err)
			}
			store.UsePipeline(s, way.from, nil)
			b.Run(fmt.Sprintf("Create/%s/%d", way.name, callers), func(b *testing.B) { benchCreate(b, s, callers) })
			b.Run(fmt.Sprintf("Consume/%s/%d", way.name, callers), func(b *testing.B) { benchConsume(b, s, callers) })
			closeStore(b, s)
		}
	}
}

func benchCreate(b *testing.B, s ticket.Store, callers int) {
	b.Helper()
	rec := benchRecord()
	measure(b, callers, nothing, func(ctx context.Context, id ticket.ID) error {
		return s.Create(ctx, id, rec, benchLifetime)
	})
}

func benchConsume(b *testing.B, s ticket.Store, callers int) {
	b.Helper()
	rec, mark := benchRecord(), redeemed("dGhlIHNhbXBsZSBub25jZQ")
	measure(b, callers, func(ctx context.Context, id ticket.ID) error {
		return s.Create(ctx, id, rec, time.Hour)
	}, func(ctx context.Context, id ticket.ID) error {
		_, err := s.Consume(ctx, id, mark, retry)
		return err
	})
}

func BenchmarkFloor(b *testing.B) {
	c := redis.NewClient(&redis.Options{
		Addr: testenv.Redis(b).Addr(), MaxRetries: -1, ContextTimeoutEnabled: true, PipelinePoolSize: -1,
		ReadTimeout: benchTimeout, PoolTimeout: benchTimeout, DisableIdentity: true,
	})
	b.Cleanup(func() { closeStore(b, c) })
	value := strings.Repeat("g", 400)
	set := func(ctx context.Context, id ticket.ID) error {
		return c.Set(ctx, string(id), value, benchLifetime).Err()
	}
	getdel := func(ctx context.Context, id ticket.ID) error { return c.GetDel(ctx, string(id)).Err() }
	for _, callers := range benchCallers() {
		b.Run(fmt.Sprintf("SET/%d", callers), func(b *testing.B) { measure(b, callers, nothing, set) })
		b.Run(fmt.Sprintf("GETDEL/%d", callers), func(b *testing.B) { measure(b, callers, set, getdel) })
	}
}
