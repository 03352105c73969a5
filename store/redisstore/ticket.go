package redisstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"wsticket/store/internal/record"
	"wsticket/ticket"
)

// createTries is how often the primary may change while a ticket is created.
const createTries = 3

var _ ticket.NoteStore = (*Store)(nil)

func (s *Store) key(id ticket.ID) string { return s.prefix + string(id) }

// Create implements [ticket.Store] with one command that sets value and time to
// live together. A lifetime under a millisecond is [ticket.ErrInvalidRequest].
func (s *Store) Create(ctx context.Context, id ticket.ID, rec ticket.Record, lifetime time.Duration) error {
	value, err := record.Encode(id, rec, lifetime, s.retention)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	key := s.key(id)
	r, err := s.withTimeout(ctx, key, func(ctx context.Context) (reply, error) {
		return s.set(ctx, key, value, lifetime+s.retention)
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if !r.found {
		return fmt.Errorf("create: %w", ticket.ErrExists)
	}
	return nil
}

// set sets the value with the fence that is known, and again if the primary
// turns out to have another one by then. It replaces nothing but its own value:
// no caller knows the ID before Create returns.
func (s *Store) set(ctx context.Context, key string, value []byte, ttl time.Duration) (reply, error) {
	used, err := s.fenceFor(ctx, key)
	if err != nil {
		return reply{}, err
	}
	for try := range createTries {
		record.SetFence(value, used)
		args := []any{"set", key, value, "px", ttl.Milliseconds(), "nx"}
		if try > 0 {
			args = args[:len(args)-1]
		}
		r, redirected, err := s.pipeline.send(ctx, key, args)
		if err != nil || !r.found {
			return r, err
		}
		current, err := s.fenceAfter(ctx, key, redirected)
		if err != nil || current == used {
			return r, err
		}
		used, value = current, bytes.Clone(value) // the client may still use the one that was sent
	}
	return reply{}, &OutageError{kind: OutageFence}
}

// Consume implements [ticket.Store] with one script on one key.
func (s *Store) Consume(ctx context.Context, id ticket.ID, mark ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	before, err := s.writeMark(ctx, s.scripts.consume, id, mark)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	return record.Consumed(before, mark, retry)
}

// Settle implements [ticket.Store]. The mark keeps its time to live.
func (s *Store) Settle(ctx context.Context, id ticket.ID, mark ticket.Mark) error {
	before, err := s.writeMark(ctx, s.scripts.settle, id, mark)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	if before.Mark.State == ticket.Pending {
		return fmt.Errorf("settle: %w", ticket.ErrNotFound)
	}
	return nil
}

// writeMark runs a step that may write mark, and returns the entry as it was
// before.
func (s *Store) writeMark(ctx context.Context, step guardedScript, id ticket.ID, mark ticket.Mark) (ticket.Entry, error) {
	encoded, err := record.EncodeMark(mark)
	if err != nil {
		return ticket.Entry{}, err
	}
	r, err := s.runStep(ctx, step, []string{s.key(id)}, encoded)
	if err != nil {
		return ticket.Entry{}, err
	}
	return r.entry(id)
}

// Lookup implements [ticket.Store]. It reads from the primary. After a
// failover, a ticket that was spent is found as long as its mark is kept, and
// one that was live is [ticket.ErrNotFound], because it cannot be consumed.
func (s *Store) Lookup(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
	r, err := s.runStep(ctx, s.scripts.lookup, []string{s.key(id)})
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", err)
	}
	entry, err := r.entry(id)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", err)
	}
	return entry, nil
}
