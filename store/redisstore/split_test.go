package redisstore_test

import (
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// Each side of a partition has a primary that accepts writes. Tickets from before
// are good only on the old side, and new ones only where they were created: each
// ticket is accepted on one side at most.
func TestSplitBrain(t *testing.T) {
	t.Parallel()
	const each = 50
	servers := testenv.Sentinel(t)
	old, replica := servers.Servers()[0], servers.Servers()[1]
	here := openStore(t, old.URL()) // on the side of the old primary
	there := openStore(t, servers.URL())
	before := created(t, there, old, replica, 2*each)
	servers.IsolatePrimary()
	promoted := servers.AwaitFailover(t.Context())
	var fresh []ticket.ID
	test.Wait(t, "the other side serves", func() bool {
		id := ticket.NewID()
		err := there.Create(t.Context(), id, fixture.Record(), fixture.Lifetime)
		fresh = append(fresh, id)
		return err == nil
	})
	if !old.IsPrimary(t.Context()) || !promoted.IsPrimary(t.Context()) {
		t.Fatal("one side does not serve")
	}

	twice := 0
	tests := []struct {
		rule          string
		first, second *redisstore.Store
		ids           []ticket.ID
		want          [2]int // of them admitted by the first, and by the second
	}{
		{"of before, the old side first", here, there, before[:each], [2]int{each, 0}},
		{"of before, the new side first", there, here, before[each:], [2]int{0, each}},
		{"new on the new side", there, here, fresh[len(fresh)-1:], [2]int{1, 0}},
		{"new on the old side", here, there, []ticket.ID{fixture.Create(t, here)}, [2]int{1, 0}},
		{"the same, the other side first", there, here, []ticket.ID{fixture.Create(t, here)}, [2]int{0, 1}},
	}
	for _, tt := range tests {
		var got [2]int
		for _, id := range tt.ids {
			n, _ := admitted(t, tt.first, []ticket.ID{id})
			m, _ := admitted(t, tt.second, []ticket.ID{id})
			got[0], got[1], twice = got[0]+n, got[1]+m, twice+n*m
		}
		if got != tt.want {
			t.Errorf("%s: admitted %v of %d, want %v", tt.rule, got, len(tt.ids), tt.want)
		}
	}
	if twice != 0 {
		t.Errorf("admitted on both sides: got %d, want 0", twice)
	}
	n, m := plainly(old, before), plainly(promoted, before)
	t.Logf("split brain: of %d tickets %d were admitted twice; with plain GETDEL %d", 2*each, twice, min(n, m))
	if n != 2*each || m != 2*each {
		t.Errorf("with plain GETDEL: %d and %d admitted, want %d on either side: the test shows nothing", n, m, 2*each)
	}
}
