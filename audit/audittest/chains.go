package audittest

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// chain returns what the store knows of one.
func chain(tb testing.TB, s audit.Store, instance string) audit.Chain {
	tb.Helper()
	all, err := s.Chains(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c audit.Chain) bool { return c.Instance == instance })
	if i < 0 {
		tb.Fatalf("no chain of %s: %+v", instance, all)
	}
	return all[i]
}

func prune(tb testing.TB, s audit.Store, before time.Time, limit int) int {
	tb.Helper()
	n, err := s.Prune(tb.Context(), before, limit)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// chains: there is one for each process, by name, with its beginning and end.
func chains(tb testing.TB, s audit.Store) {
	two := Records("two", 1, 2)
	mustAppend(tb, s, two...)
	one := Records("one", 1, 1)
	one[0].Hash = nil
	mustAppend(tb, s, one...)
	got, err := s.Chains(tb.Context())
	if err != nil || len(got) != 2 {
		tb.Fatalf("%+v, %v, want two", got, err)
	}
	for i, want := range []audit.Chain{
		{Instance: "one", StartedAt: one[0].At, LastSeq: 1},
		{Instance: "two", StartedAt: two[0].At, LastSeq: 2, LastHash: two[1].Hash},
	} {
		c := got[i]
		if len(c.PrunedHash) != 0 || !slices.Equal(c.LastHash, want.LastHash) {
			tb.Errorf("hashes of %+v, want those of %+v", c, want)
		}
		c.PrunedHash, c.LastHash, want.LastHash = nil, nil, nil
		if !reflect.DeepEqual(c, want) {
			tb.Errorf("%+v, want %+v", c, want)
		}
	}
}

// prunes: retention removes the oldest records, in small steps, and the anchors follow.
func prunes(tb testing.TB, s audit.Store) {
	one, two := Records("one", 1, 10), Records("two", 1, 10)
	mustAppend(tb, s, one...)
	mustAppend(tb, s, two...)
	before := one[6].At // 6 of each are older
	if n := prune(tb, s, epoch, 100); n != 0 {
		tb.Errorf("%d records are older than the first one", n)
	}
	var steps []int
	for {
		n := prune(tb, s, before, 5)
		steps = append(steps, n)
		if n < 5 {
			break
		}
	}
	if !slices.Equal(steps, []int{5, 5, 2}) {
		tb.Errorf("steps of %v, want 5, 5 and 2", steps)
	}
	for _, all := range [][]ticket.AuditRecord{one, two} {
		instance := all[0].Instance
		same(tb, instance, readChain(tb, s, instance, 0, 100), all[6:])
		got := chain(tb, s, instance)
		if got.PrunedSeq != 6 || !slices.Equal(got.PrunedHash, all[5].Hash) || got.LastSeq != 10 || !got.StartedAt.Equal(all[0].At) {
			tb.Errorf("%s: %+v, want pruned up to 6", instance, got)
		}
	}
	// What was appended before is not there again.
	mustAppend(tb, s, one...)
	same(tb, "appended again", readChain(tb, s, "one", 0, 100), one[6:])
}

// prunesPrefix: a record stays while one before it of its process does.
func prunesPrefix(tb testing.TB, s audit.Store) {
	all := Records("one", 1, 5)
	all[1].At = epoch.Add(time.Hour) // and then the clock went back
	mustAppend(tb, s, all...)
	if n := prune(tb, s, epoch.Add(time.Minute), 100); n != 1 {
		tb.Errorf("%d were removed, want the first", n)
	}
	same(tb, "the rest", readChain(tb, s, "one", 0, 100), all[1:])
}

// prunedGoesOn: a process of which nothing is left goes on with its chain.
func prunedGoesOn(tb testing.TB, s audit.Store) {
	all := Records("one", 1, 6)
	mustAppend(tb, s, all[:4]...)
	if n := prune(tb, s, all[3].At.Add(time.Millisecond), 100); n != 4 {
		tb.Errorf("%d were removed, want 4", n)
	}
	if got := chain(tb, s, "one"); got.PrunedSeq != 4 || got.LastSeq != 4 || !slices.Equal(got.PrunedHash, all[3].Hash) || !slices.Equal(got.LastHash, all[3].Hash) {
		tb.Errorf("%+v, want an empty chain that ends at 4", got)
	}
	mustAppend(tb, s, all[4:]...)
	same(tb, "the chain", readChain(tb, s, "one", 4, 100), all[4:])
}

// prunesTogether: several processes prune at once, and each record is removed once.
func prunesTogether(tb testing.TB, s audit.Store) {
	all := Records("one", 1, 300)
	mustAppend(tb, s, all...)
	before := all[200].At
	var removed atomic.Int64
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range 20 {
				n, err := s.Prune(tb.Context(), before, 30)
				if err != nil {
					tb.Errorf("prune: %v", err)
				}
				removed.Add(int64(n))
			}
		})
	}
	running.Wait()
	if removed.Load() != 200 {
		tb.Errorf("%d were removed, want 200", removed.Load())
	}
	same(tb, "the rest", readChain(tb, s, "one", 0, 1000), all[200:])
	if got := chain(tb, s, "one"); got.PrunedSeq != 200 || !slices.Equal(got.PrunedHash, all[199].Hash) {
		tb.Errorf("%+v, want pruned up to 200", got)
	}
}

// forgets: an empty chain is forgotten, but not at once.
func forgets(tb testing.TB, s audit.Store) {
	all := Records("one", 1, 2)
	mustAppend(tb, s, all...)
	mustAppend(tb, s, Records("two", 1, 100)...)
	after := all[1].At.Add(time.Millisecond)
	prune(tb, s, after, 100)
	prune(tb, s, after.Add(audit.KeepChain-time.Minute), 0)
	if got := chain(tb, s, "one"); got.LastSeq != 2 {
		tb.Errorf("%+v, want it to be known", got)
	}
	prune(tb, s, after.Add(audit.KeepChain), 1)
	got, err := s.Chains(tb.Context())
	if err != nil || len(got) != 1 || got[0].Instance != "two" {
		tb.Errorf("%+v, %v, want the chain alone that has records", got, err)
	}
}
