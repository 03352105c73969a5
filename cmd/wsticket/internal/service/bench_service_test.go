package service

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/memstore"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// BenchmarkService measures issue, redeem and its refusal without HTTP, for each store and
// several numbers of concurrent callers.
func BenchmarkService(b *testing.B) {
	redisServer := testenv.Redis(b)
	for name, open := range map[string]func() (closingStore, error){
		"memory": openMemory,
		"redis": func() (closingStore, error) {
			return redisstore.Open(redisServer.URL(), redisstore.Options{Retention: time.Second})
		},
	} {
		for _, callers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/issue/%d", name, callers), func(b *testing.B) {
				service := benchTickets(b, open)
				test.Measure(b, callers, b.N, func(int) error { return issueTo(b, service, new(ticket.Token)) })
			})
			b.Run(fmt.Sprintf("%s/redeem/%d", name, callers), func(b *testing.B) {
				service := benchTickets(b, open)
				tokens := make([]ticket.Token, b.N)
				test.Measure(b, 64, b.N, func(n int) error { return issueTo(b, service, &tokens[n]) })
				test.Measure(b, callers, b.N, func(n int) error {
					_, err := service.Redeem(b.Context(), tokens[n], ticket.Presentation{Attempt: "bench"})
					return err
				})
			})
			// What strangers can cost: a refusal is one more call of the store.
			b.Run(fmt.Sprintf("%s/refuse/%d", name, callers), func(b *testing.B) {
				elsewhere, service := benchTickets(b, openMemory), benchTickets(b, open)
				tokens := make([]ticket.Token, b.N)
				test.Measure(b, 64, b.N, func(n int) error { return issueTo(b, elsewhere, &tokens[n]) })
				test.Measure(b, callers, b.N, func(n int) error {
					if _, err := service.Redeem(b.Context(), tokens[n], ticket.Presentation{}); !errors.Is(err, ticket.ErrNotFound) {
						return fmt.Errorf("got %w, want it unknown", err)
					}
					return nil
				})
			})
		}
	}
}

// BenchmarkRedisFloor measures one plain command of a go-redis client with its
// defaults, to compare issue and redeem with.
func BenchmarkRedisFloor(b *testing.B) {
	server, value := testenv.Redis(b), floorValue()
	for _, callers := range []int{1, 16, 64, 256} {
		client := benchClient(b, server)
		set := func(n int) error {
			return client.Set(b.Context(), fmt.Sprintf("floor:%d:%d", callers, n), value, time.Minute).Err()
		}
		b.Run(fmt.Sprintf("set/%d", callers), func(b *testing.B) { test.Measure(b, callers, b.N, set) })
		b.Run(fmt.Sprintf("getdel/%d", callers), func(b *testing.B) {
			test.Measure(b, 64, b.N, set)
			test.Measure(b, callers, b.N, func(n int) error {
				return client.GetDel(b.Context(), fmt.Sprintf("floor:%d:%d", callers, n)).Err()
			})
		})
	}
}

type closingStore interface {
	ticket.Store
	Close() error
}

func openMemory() (closingStore, error) {
	return memstore.New(memstore.Options{MaxTickets: 100_000_000, Retention: time.Second})
}

func benchTickets(b *testing.B, open func() (closingStore, error)) *ticket.Service {
	b.Helper()
	s, err := open()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	service, err := ticket.New(ticket.Options{Store: s, TTL: ticket.MaxTTL})
	if err != nil {
		b.Fatal(err)
	}
	return service
}

// issueTo issues a ticket of alice.
func issueTo(b *testing.B, service *ticket.Service, token *ticket.Token) error {
	issued, err := service.Issue(b.Context(), ticket.Request{Identity: test.Alice()})
	*token = issued.Token
	return err
}
