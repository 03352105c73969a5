package live

import (
	"container/heap"
	"slices"
	"sync"
	"time"

	"wsticket/ticket"
)

// revokedSet is the set of revocations that can still match something alive. What it
// finds depends on the number of selectors of a grant, and not on its own size. It is
// safe for concurrent use.
type revokedSet struct {
	mu      sync.RWMutex
	by      map[ticket.Selector]*revokedEntry
	expires expiries
}

// revokedEntry is all that is known of one selector: for each action the revocation
// that reaches furthest, so that the same one ten thousand times takes one place.
type revokedEntry struct {
	selector ticket.Selector
	all      []offered
}

// offered is a revocation, and who is known to have it.
type offered struct {
	ticket.Revocation
	has keepers
}

// keepers are who keeps revocations for other processes and for later.
type keepers uint8

const (
	inStream keepers = 1 << iota // [Options.Stream]
	inLog                        // [Options.Durable], which needs none of a single ticket
)

func newRevokedSet() *revokedSet {
	return &revokedSet{by: make(map[ticket.Selector]*revokedEntry)}
}

// find returns the revocation that voids a grant. One that ends counts before one
// that rechecks.
func (s *revokedSet) find(g ticket.Grant) (found ticket.Revocation, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.by) == 0 {
		return found, false
	}
	for _, selector := range ticket.SelectorsOf(g) {
		entry := s.by[selector]
		if entry == nil {
			continue
		}
		for _, r := range entry.all {
			if r.Matches(g) && (!ok || r.Action == ticket.RevokeEnd) {
				found, ok = r.Revocation, true
			}
		}
	}
	return found, ok
}

// add adds a revocation, and reports whether it voids anything that those before it do
// not. has says who has it already.
func (s *revokedSet) add(r ticket.Revocation, has keepers, now time.Time) (news bool) {
	if !isDurable(r) {
		has |= inLog
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneLocked(now)
	if !now.Before(r.ExpiresAt) {
		return false
	}
	entry := s.by[r.Selector]
	if entry == nil {
		entry = &revokedEntry{selector: r.Selector}
		s.by[r.Selector] = entry
		heap.Push(&s.expires, expiry{r.ExpiresAt, r.Selector})
	}
	i := slices.IndexFunc(entry.all, func(known offered) bool { return known.Action == r.Action })
	if i < 0 {
		entry.all = append(entry.all, offered{r, has})
		return true
	}
	known := &entry.all[i]
	switch {
	case known.ID == r.ID:
		known.has |= has
	case r.Before.After(known.Before), r.TicketID != "" && r.ExpiresAt.After(known.ExpiresAt):
		*known = offered{r, has}
		return true
	case !r.Before.Before(known.Before) && !r.ExpiresAt.Before(known.ExpiresAt):
		known.has |= has // another one with the same effect
	}
	return false
}

// mark notes who has some revocations.
func (s *revokedSet) mark(has keepers, all []ticket.Revocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range all {
		entry := s.by[r.Selector]
		if entry == nil {
			continue
		}
		for i := range entry.all {
			if entry.all[i].ID == r.ID {
				entry.all[i].has |= has
			}
		}
	}
}

// forget notes that the stream may have lost every revocation.
func (s *revokedSet) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, entry := range s.by {
		for i := range entry.all {
			entry.all[i].has &^= inStream
		}
	}
}

// owed returns at most limit revocations that a keeper is not known to have; 0 is no limit.
func (s *revokedSet) owed(to keepers, now time.Time, limit int) []ticket.Revocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneLocked(now)
	var all []ticket.Revocation
	for _, entry := range s.by {
		for _, r := range entry.all {
			if r.has&to == 0 {
				if all = append(all, r.Revocation); len(all) == limit {
					return all
				}
			}
		}
	}
	return all
}

// kept reports whether a keeper is known to have what voids as much as r.
func (s *revokedSet) kept(by keepers, r ticket.Revocation) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	entry := s.by[r.Selector]
	return entry != nil && slices.ContainsFunc(entry.all, func(known offered) bool {
		return known.has&by != 0 && known.Action == r.Action && !known.Before.Before(r.Before)
	})
}

// size returns how many selectors there are.
func (s *revokedSet) size(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneLocked(now)
	return len(s.by)
}

// has reports whether a selector takes a place already.
func (s *revokedSet) has(selector ticket.Selector) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.by[selector] != nil
}

// pruneLocked removes what has expired.
func (s *revokedSet) pruneLocked(now time.Time) {
	for len(s.expires) > 0 && !now.Before(s.expires[0].at) {
		entry := s.by[s.expires[0].selector]
		entry.all = slices.DeleteFunc(entry.all, func(r offered) bool { return !now.Before(r.ExpiresAt) })
		if len(entry.all) == 0 {
			delete(s.by, entry.selector)
			heap.Pop(&s.expires)
			continue
		}
		// A later one has taken the place of what was to expire.
		next := entry.all[0].ExpiresAt
		for _, r := range entry.all[1:] {
			if r.ExpiresAt.Before(next) {
				next = r.ExpiresAt
			}
		}
		s.expires[0].at = next
		heap.Fix(&s.expires, 0)
	}
}

// expiry is when an entry of the set has to be looked at: each has one.
type expiry struct {
	at       time.Time
	selector ticket.Selector
}

// expiries is a heap with the earliest on top.
type expiries []expiry

// Len implements heap.Interface.
func (e expiries) Len() int { return len(e) }

// Less implements heap.Interface.
func (e expiries) Less(i, j int) bool { return e[i].at.Before(e[j].at) }

// Swap implements heap.Interface.
func (e expiries) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *expiries) Push(x any) { *e = append(*e, x.(expiry)) } //nolint:errcheck,forcetypeassert // add pushes nothing else

// Pop implements heap.Interface.
func (e *expiries) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = expiry{}
	*e = (*e)[:last]
	return x
}
