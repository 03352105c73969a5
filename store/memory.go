package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	"wsticket/ticket"
)

const (
	// DefaultRetention is how long a spent mark stays where nothing else is
	// configured.
	DefaultRetention = 5 * time.Minute
	// DefaultMaxTickets bounds a [Memory] where nothing else is configured.
	// With payloads of 300 bytes that many take about 700 MB.
	DefaultMaxTickets = 1_000_000
	// shards keeps callers on many cores from waiting for one lock.
	shards = 64
	// sweepEvery is how long an expired ticket stays in memory at most. It is
	// refused from the moment on that it expires.
	sweepEvery = time.Second
)

// MemoryOptions are the settings of a [Memory]. The zero value is usable.
type MemoryOptions struct {
	// Retention is how long a spent mark stays, counted from when the ticket
	// is consumed. Default 5 minutes.
	Retention time.Duration
	// MaxTickets bounds how many tickets are kept, live and spent together.
	// Default 1 000 000.
	MaxTickets int
	// Now is the clock. Default time.Now, whose monotonic reading makes a
	// step of the wall clock harmless: it can neither revive a ticket nor end
	// one early.
	Now func() time.Time
}

// Memory keeps tickets in this process. They are gone when it ends, and no
// other process sees them. It is safe for concurrent use.
//
// Its bound is hard: a Create beyond it is [ticket.ErrFull], and nothing that
// is still of use is dropped to make room. A live ticket can always be
// consumed, also in a full store, because the mark takes the record's place.
type Memory struct {
	shards    [shards]shard
	seed      maphash.Seed
	count     atomic.Int64
	max       int64
	retention time.Duration
	now       func() time.Time
	start     time.Time // deadlines count from here
	// sweeper runs while there is something to remove. It is armed by the
	// ticket that ends the emptiness and stopped by Close.
	sweeper *time.Timer
	closed  atomic.Bool
}

var _ ticket.Store = (*Memory)(nil)

// NewMemory returns an empty store, or an error that lists every fault of o.
// Whoever calls it calls Close.
func NewMemory(o MemoryOptions) (*Memory, error) {
	var faults []error
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Retention < time.Millisecond {
		faults = append(faults, fmt.Errorf("store: memory: retention: must be at least 1ms (got %s)", o.Retention))
	}
	if o.MaxTickets == 0 {
		o.MaxTickets = DefaultMaxTickets
	}
	if o.MaxTickets < 0 {
		faults = append(faults, fmt.Errorf("store: memory: max tickets: must be positive (got %d)", o.MaxTickets))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	m := &Memory{
		seed: maphash.MakeSeed(), max: int64(o.MaxTickets),
		retention: o.Retention, now: o.Now, start: o.Now(),
	}
	for i := range m.shards {
		m.shards[i].byID = make(map[ticket.ID]*slot)
	}
	m.sweeper = time.AfterFunc(sweepEvery, m.sweepOn)
	return m, nil
}

// Create implements ticket.Store. A lifetime under a millisecond is
// [ticket.ErrInvalidRequest].
func (m *Memory) Create(ctx context.Context, id ticket.ID, rec ticket.Record, lifetime time.Duration) error {
	if err := m.ready(ctx); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	value, err := encode(id, rec)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if lifetime < time.Millisecond {
		return fmt.Errorf("create: lifetime: %w", ticket.ErrInvalidRequest)
	}
	if !m.reserve() {
		return fmt.Errorf("create: %w", ticket.ErrFull)
	}
	now := m.elapsed()
	s := m.lock(id, now)
	defer s.mu.Unlock()
	if s.byID[id] != nil {
		m.count.Add(-1) // the place that was reserved
		return fmt.Errorf("create: %w", ticket.ErrExists)
	}
	s.add(&slot{id: id, value: value, deadline: now + lifetime})
	return nil
}

// Consume implements ticket.Store. The step is atomic because it holds the
// lock of the ticket's shard; reading the old value afterwards needs none,
// because values are replaced and never changed.
func (m *Memory) Consume(ctx context.Context, id ticket.ID, mark ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	value, err := m.spend(ctx, id, mark)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	entry, err := decodeCopy(id, value)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("consume: %w", err)
	}
	return consumed(entry, mark, retry)
}

// spend returns the value as it was, and marks it where it was live.
func (m *Memory) spend(ctx context.Context, id ticket.ID, mark ticket.Mark) ([]byte, error) {
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	stored, err := encodeMark(mark)
	if err != nil {
		return nil, err
	}
	now := m.elapsed()
	s := m.lock(id, now)
	defer s.mu.Unlock()
	t := s.byID[id]
	if t == nil {
		return nil, ticket.ErrNotFound
	}
	value := t.value
	if isPending(value) {
		t.value = remark(value, stored)
		s.move(t, now+m.retention)
	}
	return value, nil
}

// Settle implements ticket.Store. The mark goes on to end when it would have.
func (m *Memory) Settle(ctx context.Context, id ticket.ID, mark ticket.Mark) error {
	if err := m.ready(ctx); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	stored, err := encodeMark(mark)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	s := m.lock(id, m.elapsed())
	defer s.mu.Unlock()
	t := s.byID[id]
	if t == nil || isPending(t.value) {
		return fmt.Errorf("settle: %w", ticket.ErrNotFound)
	}
	t.value = remark(t.value, stored)
	return nil
}

// Lookup implements ticket.Store. The entry is a copy.
func (m *Memory) Lookup(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
	if err := m.ready(ctx); err != nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", err)
	}
	s := m.lock(id, m.elapsed())
	defer s.mu.Unlock()
	t := s.byID[id]
	if t == nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", ticket.ErrNotFound)
	}
	return decodeCopy(id, t.value)
}

// Ping tells whether the store is open.
func (m *Memory) Ping(ctx context.Context) error { return m.ready(ctx) }

// Close stops the removal of expired tickets; from then on every call is
// [ticket.ErrUnavailable]. Closing twice is no error.
func (m *Memory) Close() error {
	m.closed.Store(true)
	m.sweeper.Stop()
	return nil
}

// Len is how many tickets are kept, live and spent.
func (m *Memory) Len() int { return int(m.count.Load()) }

// ready refuses a call that is over before it begins.
func (m *Memory) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %w: %w", ticket.ErrUnavailable, err)
	}
	if m.closed.Load() {
		return fmt.Errorf("memory: closed: %w", ticket.ErrUnavailable)
	}
	return nil
}

func (m *Memory) elapsed() time.Duration { return m.now().Sub(m.start) }

// lock returns the shard of id, locked and without what has expired.
func (m *Memory) lock(id ticket.ID, now time.Duration) *shard {
	s := &m.shards[maphash.String(m.seed, string(id))%shards]
	s.mu.Lock()
	m.count.Add(-s.expire(now))
	return s
}

// reserve counts one more ticket, or tells that there is no room. Before it
// gives up it makes sure that none of the room is taken by expired ones.
func (m *Memory) reserve() bool {
	swept := false
	for {
		n := m.count.Load()
		switch {
		case n < m.max:
			if m.count.CompareAndSwap(n, n+1) {
				m.arm(n)
				return true
			}
		case swept:
			return false
		default:
			m.sweep()
			swept = true
		}
	}
}

// arm starts the sweeper where n tickets before this one were none.
func (m *Memory) arm(n int64) {
	if n == 0 {
		m.sweeper.Reset(sweepEvery)
	}
}

// sweepOn removes what has expired and comes back while anything is left.
func (m *Memory) sweepOn() {
	m.sweep()
	if m.count.Load() > 0 && !m.closed.Load() {
		m.sweeper.Reset(sweepEvery)
	}
}

func (m *Memory) sweep() {
	now := m.elapsed()
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		m.count.Add(-s.expire(now))
		s.mu.Unlock()
	}
}

// decodeCopy keeps callers from reaching into the store through the payload.
func decodeCopy(id ticket.ID, value []byte) (ticket.Entry, error) {
	entry, err := decode(id, value)
	entry.Record.Payload = bytes.Clone(entry.Record.Payload)
	return entry, err
}
