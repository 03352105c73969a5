package live

import (
	"context"
	"slices"
	"strconv"
	"sync"
)

// ownLeases are the [Leases] of a process that is alone. A place is named by the ID of
// its connection and a number, and never lapses.
type ownLeases struct {
	mu    sync.Mutex
	last  uint64
	taken map[string][]ownPlace // by the key, the oldest first
}

type ownPlace struct{ id, name string }

func newOwnLeases() *ownLeases { return &ownLeases{taken: make(map[string][]ownPlace)} }

// Take implements [Leases].
func (l *ownLeases) Take(_ context.Context, key, id string, limit int, displace bool) (string, []string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := slices.DeleteFunc(l.taken[key], func(p ownPlace) bool { return p.id == id })
	over := len(taken) - limit + 1
	if over > 0 && !displace {
		l.taken[key] = taken
		return "", nil, nil
	}
	var displaced []string
	for ; over > 0; over-- {
		displaced = append(displaced, taken[0].id)
		taken = taken[1:]
	}
	l.last++
	name := id + " " + strconv.FormatUint(l.last, 10)
	l.taken[key] = append(taken, ownPlace{id, name})
	return name, displaced, nil
}

// Keep implements [Leases].
func (*ownLeases) Keep(context.Context, []string, []string) error { return nil }

// Release implements [Leases].
func (l *ownLeases) Release(_ context.Context, keys, places []string) error {
	for i, key := range keys {
		l.release(heldPlace{key, places[i]})
	}
	return nil
}

func (l *ownLeases) release(place heldPlace) {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := slices.DeleteFunc(l.taken[place.key], func(p ownPlace) bool { return p.name == place.name })
	if len(taken) == 0 {
		delete(l.taken, place.key)
		return
	}
	l.taken[place.key] = taken
}
