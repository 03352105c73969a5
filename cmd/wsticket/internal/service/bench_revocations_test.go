package service

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/live"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// BenchmarkRevocations measures a redemption and the entry of its connection without a
// set of revocations, with an empty one, and with ten thousand active ones. In Redis the
// last two follow the stream.
func BenchmarkRevocations(b *testing.B) {
	redisServer, streams := testenv.Redis(b), 0
	for name, open := range map[string]func() (closingStore, error){
		"memory": openMemory,
		"redis": func() (closingStore, error) {
			streams++ // one for each run
			return redisstore.Open(redisServer.URL(), redisstore.Options{Retention: time.Second, Prefix: fmt.Sprintf("bench%d:", streams)})
		},
	} {
		for _, active := range []int{10_000, 0, -1} {
			b.Run(fmt.Sprintf("%s/redeem/%d", name, active), func(b *testing.B) {
				store, err := open()
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = store.Close() })
				stream, _ := store.(ticket.Stream)
				if active < 0 {
					stream = nil
				}
				registry := benchRegistry(b, stream, max(0, active))
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

// benchRegistry returns a registry with revocations of other users, which follows a
// stream if it is not nil.
func benchRegistry(b *testing.B, stream ticket.Stream, active int) *live.Registry {
	b.Helper()
	registry, err := live.New(live.Options{Stream: stream, SealKeys: [][]byte{make([]byte, 32)}})
	if err != nil {
		b.Fatal(err)
	}
	if err := registry.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var following sync.WaitGroup
	following.Go(func() { registry.Follow(ctx) })
	b.Cleanup(func() {
		cancel()
		following.Wait()
	})
	all := make([]ticket.Revocation, active)
	for i := range all {
		all[i] = ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, Subject: strconv.Itoa(i)}, Action: ticket.RevokeEnd}
	}
	if active > 0 {
		if err := registry.Revoke(b.Context(), all...); err != nil {
			b.Fatal(err)
		}
	}
	return registry
}
