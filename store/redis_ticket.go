package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"wsticket/ticket"
)

var _ ticket.Store = (*Redis)(nil)

func (r *Redis) key(id ticket.ID) string { return r.prefix + string(id) }

// Create implements ticket.Store with one command that sets value and time to
// live together. A lifetime under a millisecond is [ticket.ErrInvalidRequest].
func (r *Redis) Create(ctx context.Context, id ticket.ID, rec ticket.Record, lifetime time.Duration) error {
	value, err := encode(id, rec)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if lifetime < time.Millisecond {
		return fmt.Errorf("create: lifetime: %w", ticket.ErrInvalidRequest)
	}
	key := r.key(id)
	answer, err := r.within(ctx, key, func(ctx context.Context) (reply, error) {
		return r.create(ctx, key, value, lifetime)
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if !answer.found {
		return fmt.Errorf("create: %w", ticket.ErrExists)
	}
	return nil
}

// create sets the value under the fence that is known, and again where that
// has turned out to be another one meanwhile. What it replaces then is its own:
// nobody else knows the ID yet, because the token has not been handed out.
func (r *Redis) create(ctx context.Context, key string, value []byte, lifetime time.Duration) (reply, error) {
	used, err := r.fence(ctx, key)
	if err != nil {
		return reply{}, err
	}
	for try := range createTries {
		stamp(value, used)
		args := []any{"set", key, value, "px", lifetime.Milliseconds(), "nx"}
		if try > 0 {
			args = args[:len(args)-1]
		}
		answer, sentOn, err := r.lane.sendTracked(ctx, key, args)
		if err != nil || !answer.found {
			return answer, err
		}
		holds, err := r.fenceNow(ctx, key, sentOn)
		if err != nil || holds == used {
			return answer, err
		}
		used, value = holds, bytes.Clone(value) // the one that was sent is the library's
	}
	return reply{}, &OutageError{kind: OutageFence}
}

// Consume implements ticket.Store with one script on one key.
func (r *Redis) Consume(ctx context.Context, id ticket.ID, mark ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	entry, err := r.mark(ctx, r.consume, id, mark)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	return consumed(entry, mark, retry)
}

// Settle implements ticket.Store. The mark goes on to end when it would have.
func (r *Redis) Settle(ctx context.Context, id ticket.ID, mark ticket.Mark) error {
	entry, err := r.mark(ctx, r.settle, id, mark)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	if entry.Mark.State == ticket.Pending {
		return fmt.Errorf("settle: %w", ticket.ErrNotFound)
	}
	return nil
}

// mark marks a ticket by a step and returns the entry as it was before.
func (r *Redis) mark(ctx context.Context, g guarded, id ticket.ID, mark ticket.Mark) (ticket.Entry, error) {
	stored, err := encodeMark(mark)
	if err != nil {
		return ticket.Entry{}, err
	}
	answer, err := r.eval(ctx, g, r.key(id), stored, r.retention)
	if err != nil {
		return ticket.Entry{}, err
	}
	return answer.entry(id)
}

// Lookup implements ticket.Store. It reads from the primary. After a failover,
// a ticket that was spent is shown as long as the mark is there, and one that
// was live is [ticket.ErrNotFound], because nobody can consume it any more.
func (r *Redis) Lookup(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
	answer, err := r.eval(ctx, r.lookup, r.key(id))
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", err)
	}
	entry, err := answer.entry(id)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", err)
	}
	return entry, nil
}
