package service

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/live"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// BenchmarkRevocations measures a redemption and the entry of its connection without a
// set of revocations, with an empty one, and with ten thousand active ones.
func BenchmarkRevocations(b *testing.B) {
	redisServer := testenv.Redis(b)
	for name, open := range map[string]func() (closingStore, error){
		"memory": openMemory,
		"redis": func() (closingStore, error) {
			return redisstore.Open(redisServer.URL(), redisstore.Options{Retention: time.Second})
		},
	} {
		for _, active := range []int{10_000, 0, -1} {
			b.Run(fmt.Sprintf("%s/redeem/%d", name, active), func(b *testing.B) {
				store, err := open()
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = store.Close() })
				registry := benchRegistry(b, max(0, active))
				options := ticket.Options{Store: store, TTL: ticket.MaxTTL}
				if active >= 0 {
					options.Revocations = registry
				}
				service, err := ticket.New(options)
				if err != nil {
					b.Fatal(err)
				}
				tokens := make([]ticket.Token, b.N)
				test.Measure(b, 64, b.N, func(n int) error { return issueTo(b, service, &tokens[n]) })
				test.Measure(b, 16, b.N, func(n int) error {
					grant, err := service.Redeem(b.Context(), tokens[n], ticket.Presentation{Attempt: "bench"})
					if err != nil {
						return err
					}
					c := &live.Connection{Grant: grant}
					defer c.Abandon()
					return registry.Add(b.Context(), c)
				})
			})
		}
	}
}

// benchRegistry returns a registry with revocations of other users.
func benchRegistry(b *testing.B, active int) *live.Registry {
	b.Helper()
	registry, err := live.New(live.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range active {
		v := ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, Subject: strconv.Itoa(i)}, Action: ticket.RevokeEnd}
		if err := registry.Revoke(b.Context(), v); err != nil {
			b.Fatal(err)
		}
	}
	return registry
}
