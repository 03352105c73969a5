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
	encoded, err := record.EncodeMark(mark)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	keys := []string{s.key(id)}
	if s.pipeline.nodes == nil {
		keys = append(keys, s.prefix+headKey)
	}
	r, err := s.runStep(ctx, s.scripts.consume, keys, encoded)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	head, r := r.cutHead()
	before, err := r.entry(id)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	before.Head = positionOf(r.value, head)
	return record.Consumed(before, mark, retry)
}

// cutHead takes the head of the stream from the front of a reply.
func (r reply) cutHead() (head string, _ reply) {
	if !r.found {
		return "", r
	}
	front, value, _ := bytes.Cut(r.value, []byte{' '})
	return string(front), reply{value: value, found: true}
}

// positionOf returns the position of a head that came with a ticket. Its epoch is that
// of the ticket, because the script has compared the two.
func positionOf(value []byte, head string) ticket.Position {
	epoch := noEpoch
	if fence, ok := record.FenceOf(value); ok {
		epoch = fence
	}
	at, ok := parsePosition(epoch, head)
	if !ok {
		return ticket.Position{}
	}
	return at
}

// Settle implements [ticket.Store]. The mark keeps its time to live.
func (s *Store) Settle(ctx context.Context, id ticket.ID, mark ticket.Mark) error {
	encoded, err := record.EncodeMark(mark)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	r, err := s.runStep(ctx, s.scripts.settle, []string{s.key(id)}, encoded)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	before, err := r.entry(id)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	if before.Mark.State == ticket.Pending {
		return fmt.Errorf("settle: %w", ticket.ErrNotFound)
	}
	return nil
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
