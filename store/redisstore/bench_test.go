package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// The number of concurrent callers is last in the names of the benchmarks.
// Compare their results only as ratios to BenchmarkFloor of the same run.

// benchTimeout is long, because 256 callers on a laptop wait for each other.
const benchTimeout = 10 * time.Second

// BenchmarkPipeline compares a connection for each command, pipelines for all
// of them, and what a store chooses.
func BenchmarkPipeline(b *testing.B) {
	modes := []struct {
		name      string
		threshold int64
	}{{"plain", -1}, {"pipelined", 1}, {"auto", redisstore.PipelineThreshold}}
	url := testenv.Redis(b).URL()
	for _, callers := range fixture.Callers() {
		for _, mode := range modes {
			s, err := redisstore.Open(url, redisstore.Options{Timeout: benchTimeout})
			if err != nil {
				b.Fatal(err)
			}
			redisstore.UsePipeline(s, mode.threshold, nil)
			b.Run(fmt.Sprintf("Create/%s/%d", mode.name, callers), func(b *testing.B) { fixture.BenchCreate(b, s, callers) })
			b.Run(fmt.Sprintf("Consume/%s/%d", mode.name, callers), func(b *testing.B) { fixture.BenchConsume(b, s, callers) })
			mustClose(b, s)
		}
	}
}

// BenchmarkFloor is what the client library and Redis take for one plain
// command with a value of the same size.
func BenchmarkFloor(b *testing.B) {
	c := redis.NewClient(&redis.Options{
		Addr: testenv.Redis(b).Addr(), MaxRetries: -1, ContextTimeoutEnabled: true, PipelinePoolSize: -1,
		ReadTimeout: benchTimeout, PoolTimeout: benchTimeout, DisableIdentity: true,
	})
	b.Cleanup(func() { mustClose(b, c) })
	value := strings.Repeat("g", 400)
	set := func(ctx context.Context, id ticket.ID) error {
		return c.Set(ctx, string(id), value, fixture.BenchLifetime).Err()
	}
	getdel := func(ctx context.Context, id ticket.ID) error { return c.GetDel(ctx, string(id)).Err() }
	for _, callers := range fixture.Callers() {
		b.Run(fmt.Sprintf("SET/%d", callers), func(b *testing.B) { fixture.Measure(b, callers, nil, set) })
		b.Run(fmt.Sprintf("GETDEL/%d", callers), func(b *testing.B) { fixture.Measure(b, callers, set, getdel) })
	}
}
