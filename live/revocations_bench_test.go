package live_test

import (
	"strconv"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// BenchmarkCheck is what an admission costs more with many active revocations.
func BenchmarkCheck(b *testing.B) {
	for _, active := range []int{0, 1, 10_000, 100_000} {
		b.Run(strconv.Itoa(active), func(b *testing.B) {
			r, err := live.New(live.Options{Issuers: issuers()})
			if err != nil {
				b.Fatal(err)
			}
			for i := range active {
				v := ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, Subject: strconv.Itoa(i)}, Action: ticket.RevokeEnd}
				if err := r.Revoke(b.Context(), v); err != nil {
					b.Fatal(err)
				}
			}
			grant := of("nobody", time.Now())
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Check(b.Context(), grant); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
