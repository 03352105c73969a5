package limit_test

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"

	"wsticket/internal/limit"
	"wsticket/internal/test"
)

func from(addr string) limit.Client { return limit.Client{Addr: netip.MustParseAddr(addr)} }

func TestPlaces(t *testing.T) {
	t.Parallel()
	p := limit.NewPlaces(12, 3)
	take := func(rule string, c limit.Client, want string) {
		t.Helper()
		got := "taken"
		if full, ok := p.Take(c); !ok {
			got = fmt.Sprintf("%s: at most %d", full.Network, full.Max)
			if full.OfAll {
				got = fmt.Sprintf("all: at most %d", full.Max)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", rule, got, want)
		}
	}
	for range 3 {
		take("its share", from("192.0.2.1"), "taken")
	}
	take("one too many of an address", from("192.0.2.1"), "192.0.2.1/32: at most 3")
	take("another address", from("192.0.2.2"), "taken")
	p.Free(from("192.0.2.2"))
	for n := range 3 {
		take("a /64", from(fmt.Sprintf("2001:db8::%d", n+1)), "taken")
	}
	take("one too many of it", from("2001:db8::9"), "2001:db8::/64: at most 3")
	for range 3 {
		take("the next /64", from("2001:db8:0:1::1"), "taken")
	}
	take("a /56 has half at most", from("2001:db8:0:2::1"), "2001:db8::/56: at most 6")
	for range 2 {
		if _, ok := p.TakeAny(); !ok {
			t.Error("of no client: got none, want one")
		}
	}
	take("the last", from("192.0.2.3"), "taken")
	take("one too many in all", from("192.0.2.4"), "all: at most 12")
	if full, ok := p.TakeAny(); ok || !full.OfAll {
		t.Errorf("of no client: got %+v, %t, want none", full, ok)
	}
	take("the share of an address is said first", from("192.0.2.1"), "192.0.2.1/32: at most 3")
	p.FreeAny()
	take("a place that was freed", from("192.0.2.4"), "taken")
	p.Free(from("192.0.2.1"))
	take("the address has one again", from("192.0.2.1"), "taken")
	if got := p.Taken(); got != 12 {
		t.Errorf("got %d taken, want 12", got)
	}
}

// TestPlacesWithoutShares: where an address may have all places, the bound of all is
// the one to raise.
func TestPlacesWithoutShares(t *testing.T) {
	t.Parallel()
	for _, ofAddress := range []int{2, 3} {
		p := limit.NewPlaces(2, ofAddress)
		for range 2 {
			if full, ok := p.Take(from("2001:db8::1")); !ok {
				t.Errorf("%d of an address: got %+v, want a place", ofAddress, full)
			}
		}
		if full, ok := p.Take(from("2001:db8::1")); ok || !full.OfAll || full.Max != 2 {
			t.Errorf("%d of an address: got %+v, %t, want the bound of all", ofAddress, full, ok)
		}
	}
}

// TestPlacesOfMany: an address of many clients may have half of all, and not more.
func TestPlacesOfMany(t *testing.T) {
	t.Parallel()
	p := limit.NewPlaces(100, 2)
	c := limit.Client{Addr: netip.MustParseAddr("192.0.2.1"), Many: true}
	for n := range 32 {
		if full, ok := p.Take(c); !ok {
			t.Fatalf("place %d: got %+v, want sixteen times 2", n+1, full)
		}
	}
	if full, ok := p.Take(c); ok || full.Max != 32 {
		t.Errorf("got %+v, %t, want at most 32", full, ok)
	}
}

func TestPlacesConcurrently(t *testing.T) {
	t.Parallel()
	p := limit.NewPlaces(10, 10)
	var taken, most atomic.Int64
	test.Together(t, 50, 500, func(int) error {
		if _, ok := p.Take(from("192.0.2.1")); ok {
			most.Store(max(most.Load(), taken.Add(1)))
			taken.Add(-1)
			p.Free(from("192.0.2.1"))
		}
		return nil
	})
	if most.Load() > 10 || p.Taken() != 0 {
		t.Errorf("got up to %d at once and %d left, want up to 10 and none", most.Load(), p.Taken())
	}
}

// Other bounds count what is taken already, and end nothing.
func TestBound(t *testing.T) {
	t.Parallel()
	p := limit.NewPlaces(3, 2)
	wants := func(rule string, c limit.Client, want bool) {
		t.Helper()
		if _, ok := p.Take(c); ok != want {
			t.Errorf("%s: got %t, want %t", rule, ok, want)
		}
	}
	wants("the first", from("192.0.2.1"), true)
	wants("the second", from("192.0.2.1"), true)
	wants("the third", from("192.0.2.1"), false)
	p.Bound(3, 3)
	wants("the third, with another bound", from("192.0.2.1"), true)
	wants("one too many in all", from("192.0.2.2"), false)
	p.Bound(4, 1)
	wants("an address that has more than it may", from("192.0.2.1"), false)
	wants("another one", from("192.0.2.2"), true)
	p.Free(from("192.0.2.1"))
	if got := p.Taken(); got != 3 {
		t.Errorf("%d are taken, want 3", got)
	}
}
