package gencache_test

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"wsticket/internal/gencache"
)

func TestWhatIsUsedStays(t *testing.T) {
	t.Parallel()
	used, peeked := gencache.New[int, int](10), gencache.New[int, int](10)
	used.Put(-1, 1)
	peeked.Put(-1, 1)
	for n := range 100 {
		used.Put(n, n)
		peeked.Put(n, n)
		peeked.Peek(-1)
		if got, ok := used.Get(-1); !ok || got != 1 || used.Len() > 10 {
			t.Fatalf("after %d entries: got %d, %t of %d, want what is used to stay among 10", n, got, ok, used.Len())
		}
	}
	if _, ok := peeked.Peek(-1); ok {
		t.Error("got an entry that was only peeked at, want it forgotten")
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{-1: 0, 0: 0, 1: 2, 2: 2, 3: 4, 10: 10} {
		m := gencache.New[int, int](size)
		most := 0
		for n := range 100 {
			m.Put(n, n)
			most = max(most, m.Len())
		}
		if most != want {
			t.Errorf("size %d: held up to %d, want %d", size, most, want)
		}
	}
}

func TestTurn(t *testing.T) {
	t.Parallel()
	m := gencache.New[string, int](4)
	m.Put("a", 1)
	m.Turn()
	if got, ok := m.Peek("a"); !ok || got != 1 {
		t.Errorf("after one turn: got %d, %t, want 1", got, ok)
	}
	m.Turn()
	if _, ok := m.Get("a"); ok {
		t.Error("after two turns: got an entry, want it forgotten")
	}
	var turns []bool
	for _, key := range []string{"a", "b", "a", "c"} {
		turns = append(turns, m.Put(key, 1))
	}
	if turns[0] || turns[1] || turns[2] || !turns[3] {
		t.Errorf("got turns %v, want one at the third key", turns)
	}
}

// TestAgainstAMap: whatever a Map still holds is what was stored last.
func TestAgainstAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m, model := gencache.New[int, int](rapid.IntRange(0, 6).Draw(t, "size")), map[int]int{}
		for n := range rapid.IntRange(1, 100).Draw(t, "steps") {
			key := rapid.IntRange(0, 8).Draw(t, "key")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				m.Delete(key)
				delete(model, key)
			case 1:
				m.Turn()
			case 2, 3:
				m.Put(key, n)
				model[key] = n
			}
			got, ok := m.Peek(key)
			if used, same := m.Get(key); same != ok || used != got {
				t.Fatalf("key %d: peeked at %d, %t and got %d, %t", key, got, ok, used, same)
			}
			if ok && got != model[key] {
				t.Fatalf("key %d: got %d, want %d", key, got, model[key])
			}
		}
	})
}

func TestAll(t *testing.T) {
	t.Parallel()
	m := gencache.New[string, int](4)
	m.Put("a", 1)
	m.Turn()
	m.Put("b", 2)
	if got := maps.Collect(m.All()); !maps.Equal(got, map[string]int{"a": 1, "b": 2}) {
		t.Errorf("got %v, want both generations", got)
	}
	for range m.All() {
		break // which ends it
	}
}
