package main

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store/memstore"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// BenchmarkService is issue and redeem without HTTP, for each store and from
// so many callers at once.
func BenchmarkService(b *testing.B) {
	redisServer := testenv.Redis(b)
	for name, open := range map[string]func(testing.TB) ticket.Store{
		"memory": func(tb testing.TB) ticket.Store {
			s, err := memstore.New(memstore.Options{MaxTickets: 100_000_000, Retention: time.Second})
			return opened(tb, s, err)
		},
		"redis": func(tb testing.TB) ticket.Store {
			s, err := redisstore.Open(redisServer.URL(), redisstore.Options{Retention: time.Second})
			return opened(tb, s, err)
		},
	} {
		for _, callers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/issue/%d", name, callers), func(b *testing.B) {
				service := benchService(b, open(b))
				together(b, callers, b.N, func(int) error { return issueOne(b, service, nil) })
			})
			b.Run(fmt.Sprintf("%s/redeem/%d", name, callers), func(b *testing.B) {
				service := benchService(b, open(b))
				tokens := make([]ticket.Token, b.N)
				together(b, 64, b.N, func(n int) error { return issueOne(b, service, &tokens[n]) })
				together(b, callers, b.N, func(n int) error {
					_, err := service.Redeem(b.Context(), tokens[n], ticket.Presentation{Attempt: "bench"})
					return err
				})
			})
		}
	}
}

// BenchmarkRedisFloor is what issue and redeem on Redis are compared with: one
// plain command of a go-redis client as it comes.
func BenchmarkRedisFloor(b *testing.B) {
	server := testenv.Redis(b)
	value := bytes.Repeat([]byte("v"), 300)
	for _, callers := range []int{1, 16, 64, 256} {
		client := redis.NewClient(&redis.Options{Addr: server.Addr()})
		b.Cleanup(func() { _ = client.Close() })
		set := func(n int) error {
			return client.Set(b.Context(), fmt.Sprintf("floor:%d:%d", callers, n), value, time.Minute).Err()
		}
		b.Run(fmt.Sprintf("set/%d", callers), func(b *testing.B) { together(b, callers, b.N, set) })
		b.Run(fmt.Sprintf("getdel/%d", callers), func(b *testing.B) {
			together(b, 64, b.N, set)
			together(b, callers, b.N, func(n int) error {
				return client.GetDel(b.Context(), fmt.Sprintf("floor:%d:%d", callers, n)).Err()
			})
		})
	}
}

func opened[S interface {
	ticket.Store
	Close() error
}](tb testing.TB, s S, err error) ticket.Store {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func benchService(b *testing.B, s ticket.Store) *ticket.Service {
	b.Helper()
	service, err := ticket.New(ticket.Options{Store: s, TTL: ticket.MaxTTL})
	if err != nil {
		b.Fatal(err)
	}
	return service
}

func issueOne(b *testing.B, service *ticket.Service, into *ticket.Token) error {
	b.Helper()
	issued, err := service.Issue(b.Context(), ticket.Request{Identity: ticket.Identity{
		Issuer: "https://id.example.com", Subject: "alice", Scope: "chat", ExpiresAt: time.Now().Add(time.Hour),
	}})
	if into != nil {
		*into = issued.Token
	}
	return err
}

// together does something times times, from so many callers, and measures
// that alone.
func together(b *testing.B, callers, times int, do func(n int) error) {
	b.Helper()
	b.ReportAllocs()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	b.ResetTimer()
	b.StartTimer() // a second part of a benchmark finds it stopped
	for range callers {
		workers.Go(func() {
			for n := int(next.Add(1)) - 1; n < times; n = int(next.Add(1)) - 1 {
				if err := do(n); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	workers.Wait()
	b.StopTimer()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	b.ReportMetric(float64(times)/b.Elapsed().Seconds(), "op/s")
}
