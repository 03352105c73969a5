package live_test

import (
	"context"
	"fmt"
	"testing"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// BenchmarkList is a page of everybody's connections in a process that has 50 000.
func BenchmarkList(b *testing.B) {
	r, err := live.New(live.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 50_000 {
		who := test.Alice()
		who.Subject = fmt.Sprintf("user-%d", i)
		c := &live.Connection{Grant: ticket.Grant{ID: ticket.NewID(), Identity: who}}
		if err := r.Add(context.Background(), c); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.Abandon)
	}
	for b.Loop() {
		if _, err := r.List(b.Context(), live.Query{}); err != nil {
			b.Fatal(err)
		}
	}
}
