package redisstore_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// BenchmarkLive measures Consume while many other tickets are open, on which the
// time must not depend. It also reports the memory of the server for each ticket.
func BenchmarkLive(b *testing.B) {
	for _, live := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(live), func(b *testing.B) {
			server := testenv.Redis(b)
			s, err := redisstore.Open(server.URL(), redisstore.Options{Timeout: 2 * time.Second})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			empty := usedMemory(b, server)
			fill(b, s, live)
			perTicket := (usedMemory(b, server) - empty) / float64(live)
			ids := fill(b, s, b.N)
			b.ResetTimer()
			for _, id := range ids {
				if _, err := s.Consume(b.Context(), id, ticket.Mark{State: ticket.Redeemed, At: time.Now(), Attempt: "bench"}, 0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(perTicket, "B/ticket")
		})
	}
}

// fill creates n tickets from many callers, because that is faster.
func fill(b *testing.B, s *redisstore.Store, n int) []ticket.ID {
	b.Helper()
	ids := make([]ticket.ID, n)
	fixture.Each(b, 128, n, func(i int) error {
		ids[i] = ticket.NewID()
		rec := ticket.Record{IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Payload: make([]byte, 200)}
		return s.Create(b.Context(), ids[i], rec, time.Hour)
	})
	return ids
}

// usedMemory is what the server reports, in bytes.
func usedMemory(b *testing.B, server *testenv.RedisServer) float64 {
	b.Helper()
	info, err := plainClient(b, server).InfoMap(b.Context(), "memory").Result()
	if err != nil {
		b.Fatal(err)
	}
	used, err := strconv.ParseFloat(info["Memory"]["used_memory"], 64)
	if err != nil {
		b.Fatal(err)
	}
	return used
}
