package memstore_test

import (
	"strconv"
	"testing"
	"time"

	"wsticket/store/internal/fixture"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// The names that are remembered have a bound: beyond it new ones are refused, and none
// is forgotten before its time.
func TestOnceIsBounded(t *testing.T) {
	t.Parallel()
	const most = 100_000
	c := &clock{}
	s := newStore(t, memstore.Options{Now: c.now})
	for i := range most {
		if first, err := s.First(t.Context(), strconv.Itoa(i), time.Minute); err != nil || !first {
			t.Fatalf("name %d: got %v, %v, want it new", i, first, err)
		}
	}
	_, err := s.First(t.Context(), "one more", time.Minute)
	fixture.WantErr(t, "one more", err, ticket.ErrFull)
	if first, err := s.First(t.Context(), "0", time.Minute); err != nil || first {
		t.Errorf("the first name: got %v, %v, want it remembered", first, err)
	}
	c.advance(time.Minute)
	if first, err := s.First(t.Context(), "one more", time.Minute); err != nil || !first {
		t.Errorf("a minute later: got %v, %v, want room", first, err)
	}
}
