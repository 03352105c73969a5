package memstore_test

import (
	"fmt"
	"testing"

	"wsticket/store/internal/fixture"
	"wsticket/store/memstore"
)

// The number of concurrent callers is last in the name.
func BenchmarkMemory(b *testing.B) {
	s := newStore(b, memstore.Options{MaxTickets: 100_000_000})
	for _, callers := range fixture.Callers() {
		b.Run(fmt.Sprintf("Create/%d", callers), func(b *testing.B) { fixture.BenchCreate(b, s, callers) })
		b.Run(fmt.Sprintf("Consume/%d", callers), func(b *testing.B) { fixture.BenchConsume(b, s, callers) })
	}
}
