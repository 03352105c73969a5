package memstore

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"wsticket/ticket"
)

const (
	// maxNames bounds the names that are remembered at the same time.
	maxNames = 100_000
	// minSweep is how many names there are before old ones are looked for.
	minSweep = 1024
)

// names are what [Store.First] remembers, each until its deadline.
type names struct {
	mu    sync.Mutex
	until map[string]time.Duration
	// sweepAt is the number of names at which old ones are removed: twice as many as
	// there were after the last time, so that each name is looked at a few times only.
	sweepAt int
}

var _ ticket.Once = (*Store)(nil)

// First implements [ticket.Once].
func (s *Store) First(ctx context.Context, name string, keep time.Duration) (bool, error) {
	if err := s.check(ctx); err != nil {
		return false, fmt.Errorf("first: %w", err)
	}
	now := s.elapsed()
	n := &s.names
	n.mu.Lock()
	defer n.mu.Unlock()
	if until, known := n.until[name]; known && now < until {
		return false, nil
	}
	if len(n.until) >= min(max(n.sweepAt, minSweep), maxNames) {
		maps.DeleteFunc(n.until, func(_ string, until time.Duration) bool { return now >= until })
		n.sweepAt = 2 * len(n.until)
	}
	if len(n.until) >= maxNames {
		return false, fmt.Errorf("first: %w", ticket.ErrFull)
	}
	if n.until == nil {
		n.until = make(map[string]time.Duration)
	}
	n.until[name] = now + keep
	return true, nil
}

// Forget implements [ticket.Once].
func (s *Store) Forget(ctx context.Context, name string) error {
	if err := s.check(ctx); err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	delete(s.names.until, name)
	return nil
}
