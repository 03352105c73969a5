package live_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"wsticket/ticket"
)

// river is a ticket.Stream of one process that can do what a Redis does: begin anew,
// lose entries, be away, be full.
type river struct {
	mu      sync.Mutex
	epoch   int
	last    uint64 // the sequence of the last entry that there ever was in the epoch
	lost    uint64 // that of the last entry that was lost
	entries []drop
	away    bool // nothing works
	full    bool // nothing is appended
	moved   chan struct{}
	appends int
}

// drop is an entry.
type drop struct {
	sequence uint64
	data     []byte
}

func newRiver() *river { return &river{moved: make(chan struct{})} }

func (s *river) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.moved)
	s.moved = make(chan struct{})
}

// restart loses everything, as a Redis without persistence does.
func (s *river) restart() {
	s.change(func() { s.epoch, s.last, s.lost, s.entries = s.epoch+1, 0, 0, nil })
}

// failOver loses the last n entries.
func (s *river) failOver(n int) {
	s.change(func() { s.epoch++; s.entries = s.entries[:max(0, len(s.entries)-n)] })
}

// trim loses everything, an entry among it that nobody has read yet, and keeps the
// epoch.
func (s *river) trim() {
	s.change(func() {
		s.last++
		s.entries, s.lost = nil, s.last
	})
}

func (s *river) setAway(away bool) { s.change(func() { s.away = away }) }

func (s *river) setFull(full bool) { s.change(func() { s.full = full }) }

// put writes bytes that nobody has sealed, or replays those of another entry.
func (s *river) put(data []byte) {
	s.change(func() { s.last++; s.entries = append(s.entries, drop{s.last, data}) })
}

func (s *river) counts() (entries, appends int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries), s.appends
}

func (s *river) head() ticket.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.positionLocked(s.last)
}

func (s *river) positionLocked(sequence uint64) ticket.Position {
	return ticket.Position{Epoch: strconv.Itoa(s.epoch + 1), Sequence: sequence}
}

// Append implements ticket.Stream.
func (s *river) Append(_ context.Context, entry []byte) (ticket.Position, error) {
	var at ticket.Position
	var err error
	s.change(func() {
		switch {
		case s.away:
			err = fmt.Errorf("append: %w", ticket.ErrUnavailable)
		case s.full:
			err = fmt.Errorf("append: %w", ticket.ErrFull)
		default:
			s.last++
			s.appends++
			s.entries = append(s.entries, drop{s.last, slices.Clone(entry)})
			at = s.positionLocked(s.last)
		}
	})
	return at, err
}

// Read implements ticket.Stream.
func (s *river) Read(ctx context.Context, after ticket.Position) (ticket.Batch, error) {
	timer := time.NewTimer(2 * time.Second)
	defer timer.Stop()
	for waited := false; ; {
		s.mu.Lock()
		moved, away := s.moved, s.away
		batch := s.batchLocked(after)
		s.mu.Unlock()
		switch {
		case away:
			return ticket.Batch{}, fmt.Errorf("read: %w", ticket.ErrUnavailable)
		case len(batch.Entries) > 0, batch.Restarted, waited:
			return batch, nil
		}
		select {
		case <-ctx.Done():
			return ticket.Batch{}, fmt.Errorf("read: %w", ticket.ErrUnavailable)
		case <-moved:
		case <-timer.C:
			waited = true
		}
	}
}

// perRead is small, so that a beginning takes several reads.
const perRead = 3

func (s *river) batchLocked(after ticket.Position) (b ticket.Batch) {
	other := after.Epoch != s.positionLocked(0).Epoch
	b.Gap = !other && after.Sequence < s.lost
	if b.Restarted = other || b.Gap; b.Restarted {
		after = s.positionLocked(0)
	}
	b.Next = after
	for _, e := range s.entries {
		if e.sequence > after.Sequence && len(b.Entries) < perRead {
			b.Entries = append(b.Entries, e.data)
			b.Next = s.positionLocked(e.sequence)
		}
	}
	if b.Gap && len(b.Entries) == 0 {
		b.Next = s.positionLocked(s.lost)
	}
	return b
}
