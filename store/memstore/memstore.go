// Package memstore keeps tickets in the memory of one process. They are gone
// when it ends, and no other process sees them: services of several processes
// share a Redis, see package redisstore.
package memstore

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	"wsticket/store/internal/record"
	"wsticket/ticket"
)

// DefaultMaxTickets is the default of [Options].MaxTickets. With payloads of
// 300 bytes that many tickets take about 700 MB.
const DefaultMaxTickets = 1_000_000

const (
	// shards spreads the tickets over many locks, so that callers on many
	// cores rarely wait for each other.
	shards = 64
	// sweepEvery is how often tickets and marks that are no longer kept are
	// removed. Tickets are refused from the moment they expire.
	sweepEvery = time.Second
)

// Options are the settings of a [Store]. The zero value is usable.
type Options struct {
	// Retention is how long a spent mark is kept, counted from when the ticket is
	// consumed, and how long a record that nobody has consumed is kept after its
	// life. At least 1 ms; default [ticket.DefaultRetention].
	Retention time.Duration
	// MaxTickets is the maximum number of tickets, live and spent together.
	// Default [DefaultMaxTickets].
	MaxTickets int
	// Now is the clock. Default [time.Now]. Its monotonic reading keeps a step
	// of the wall clock from reviving a ticket or ending one early.
	Now func() time.Time
}

// Store keeps tickets in this process. It is safe for concurrent use.
//
// Its bound is hard: a Create beyond it is [ticket.ErrFull], and no live ticket
// or mark is dropped to make room. A live ticket can be consumed in a full
// store too, because the mark replaces the record.
type Store struct {
	shards     [shards]shard
	seed       maphash.Seed
	count      atomic.Int64
	maxTickets int64
	retention  time.Duration
	now        func() time.Time
	start      time.Time // deadlines are counted from here
	// sweeper runs while there are tickets. The first ticket in an empty store
	// starts it, and Close stops it.
	sweeper *time.Timer
	closed  atomic.Bool
	names   names
}

var _ ticket.NoteStore = (*Store)(nil)

// New returns an empty store. The caller must call [Store.Close]. The error
// joins a [*ticket.OptionError] for each fault of o.
func New(o Options) (*Store, error) {
	if o.Retention == 0 {
		o.Retention = ticket.DefaultRetention
	}
	if o.MaxTickets == 0 {
		o.MaxTickets = DefaultMaxTickets
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	faults := ticket.OptionErrors{Package: "memstore"}
	faults.Check(o.Retention >= time.Millisecond, "Retention", "must be at least 1ms (got %s)", o.Retention)
	faults.Check(o.MaxTickets > 0, "MaxTickets", "must be positive (got %d)", o.MaxTickets)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	s := &Store{
		seed: maphash.MakeSeed(), maxTickets: int64(o.MaxTickets),
		retention: o.Retention, now: o.Now, start: o.Now(),
	}
	for i := range s.shards {
		s.shards[i].byID = make(map[ticket.ID]*item)
	}
	s.sweeper = time.AfterFunc(sweepEvery, s.sweepAndRepeat)
	return s, nil
}

// Create implements [ticket.Store]. A lifetime under a millisecond is
// [ticket.ErrInvalidRequest].
func (s *Store) Create(ctx context.Context, id ticket.ID, rec ticket.Record, lifetime time.Duration) error {
	if err := s.check(ctx); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	value, err := record.Encode(id, rec, lifetime, s.retention)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if !s.reserve() {
		return fmt.Errorf("create: %w", ticket.ErrFull)
	}
	now := s.elapsed()
	sh := s.lock(id, now)
	defer sh.mu.Unlock()
	if sh.byID[id] != nil {
		s.count.Add(-1) // what was reserved
		return fmt.Errorf("create: %w", ticket.ErrExists)
	}
	sh.add(&item{id: id, value: value, deadline: now + lifetime})
	return nil
}

// Consume implements [ticket.Store]. The step is atomic because it holds the
// lock of the ticket's shard. The value can be decoded after that, because
// values are replaced and never changed.
func (s *Store) Consume(ctx context.Context, id ticket.ID, mark ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	value, err := s.spend(ctx, id, mark)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	entry, err := decodeCopy(id, value)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	return record.Consumed(entry, mark, retry)
}

// spend returns the value as it was before, and marks it if it was live.
func (s *Store) spend(ctx context.Context, id ticket.ID, mark ticket.Mark) ([]byte, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	encoded, err := record.EncodeMark(mark)
	if err != nil {
		return nil, err
	}
	now := s.elapsed()
	sh := s.lock(id, now)
	defer sh.mu.Unlock()
	t := sh.byID[id]
	if t == nil {
		return nil, ticket.ErrNotFound
	}
	before := t.value
	if record.IsPending(before) {
		t.value = record.WithMark(before, encoded)
		sh.setDeadline(t, now+s.retention)
	}
	return before, nil
}

// Settle implements [ticket.Store]. The mark keeps its deadline.
func (s *Store) Settle(ctx context.Context, id ticket.ID, mark ticket.Mark) error {
	if err := s.check(ctx); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	encoded, err := record.EncodeMark(mark)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	sh := s.lock(id, s.elapsed())
	defer sh.mu.Unlock()
	t := sh.byID[id]
	if t == nil || !record.IsSpent(t.value) {
		return fmt.Errorf("settle: %w", ticket.ErrNotFound)
	}
	t.value = record.WithMark(t.value, encoded)
	return nil
}

// Lookup implements [ticket.Store]. The entry is a copy.
func (s *Store) Lookup(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
	if err := s.check(ctx); err != nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", err)
	}
	sh := s.lock(id, s.elapsed())
	defer sh.mu.Unlock()
	t := sh.byID[id]
	if t == nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", ticket.ErrNotFound)
	}
	return decodeCopy(id, t.value)
}

// Ping returns an error that wraps [ticket.ErrUnavailable] if the store is
// closed.
func (s *Store) Ping(ctx context.Context) error { return s.check(ctx) }

// Close stops the removal of expired tickets. After that every call returns an
// error that wraps [ticket.ErrUnavailable]. It may be called twice.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.sweeper.Stop()
	return nil
}

// Len returns the number of tickets, live and spent.
func (s *Store) Len() int { return int(s.count.Load()) }

// check refuses a call on a closed store or with a context that has ended.
func (s *Store) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: %w: %w", ticket.ErrUnavailable, err)
	}
	if s.closed.Load() {
		return fmt.Errorf("memstore: closed: %w", ticket.ErrUnavailable)
	}
	return nil
}

func (s *Store) elapsed() time.Duration { return s.now().Sub(s.start) }

// lock returns the shard of id, locked and as it is at that time.
func (s *Store) lock(id ticket.ID, now time.Duration) *shard {
	sh := &s.shards[maphash.String(s.seed, string(id))%shards]
	sh.mu.Lock()
	s.count.Add(-sh.expire(now, s.retention))
	return sh
}

// reserve counts one more ticket and reports whether there was room. It removes
// what is no longer kept before it gives up.
func (s *Store) reserve() bool {
	swept := false
	for {
		n := s.count.Load()
		switch {
		case n < s.maxTickets:
			if s.count.CompareAndSwap(n, n+1) {
				if n == 0 {
					s.sweeper.Reset(sweepEvery)
				}
				return true
			}
		case swept:
			return false
		default:
			s.sweep()
			swept = true
		}
	}
}

// sweepAndRepeat removes what is no longer kept, and runs again while any are left.
func (s *Store) sweepAndRepeat() {
	s.sweep()
	if s.count.Load() > 0 && !s.closed.Load() {
		s.sweeper.Reset(sweepEvery)
	}
}

func (s *Store) sweep() {
	now := s.elapsed()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		s.count.Add(-sh.expire(now, s.retention))
		sh.mu.Unlock()
	}
}

// decodeCopy decodes a value so that the caller cannot change it through the
// payload.
func decodeCopy(id ticket.ID, value []byte) (ticket.Entry, error) {
	entry, err := record.Decode(id, value)
	entry.Record.Payload = bytes.Clone(entry.Record.Payload)
	return entry, err
}
