package live

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"wsticket/ticket"
)

const (
	// maxFeedEntries bounds a feed in memory. The oldest are dropped.
	maxFeedEntries = 100_000
	// feedWait is how long a read waits for entries.
	feedWait = 2 * time.Second
	// feedBatch bounds the entries of a batch.
	feedBatch = 1000
)

// memoryFeeds are feeds of one process.
type memoryFeeds struct{ now func() time.Time }

// Feed implements [ticket.FeedStore].
func (m *memoryFeeds) Feed(string) ticket.FeedStream {
	return &memoryFeed{now: m.now, epoch: rand.Text(), grown: make(chan struct{})}
}

// memoryFeed is a feed in memory. The sequence numbers of its entries have no gaps.
type memoryFeed struct {
	now   func() time.Time
	epoch string

	mu      sync.Mutex
	entries []memoryEntry
	dropped uint64
	grown   chan struct{} // closed by the next Append
}

type memoryEntry struct {
	at   ticket.Position
	data []byte
}

// Append implements [ticket.Stream].
func (m *memoryFeed) Append(_ context.Context, entry []byte) (ticket.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	oldest := uint64(max(0, now.Add(-feedKept-feedMark).UnixMilli()))
	for len(m.entries) > 0 && (len(m.entries) >= maxFeedEntries || m.entries[0].at.Millis < oldest) {
		m.entries[0].data = nil
		m.entries, m.dropped = m.entries[1:], m.dropped+1
	}
	at := ticket.Position{Epoch: m.epoch, Millis: uint64(max(0, now.UnixMilli())), Sequence: m.dropped + uint64(len(m.entries)) + 1}
	m.entries = append(m.entries, memoryEntry{at, entry})
	close(m.grown)
	m.grown = make(chan struct{})
	return at, nil
}

// Read implements [ticket.Stream].
func (m *memoryFeed) Read(ctx context.Context, after ticket.Position) (ticket.Batch, error) {
	timer := time.NewTimer(feedWait)
	defer timer.Stop()
	for {
		b, grown := m.there(after)
		if len(b.Entries) > 0 || b.Restarted {
			return b, nil
		}
		select {
		case <-grown:
		case <-timer.C:
			return b, nil
		case <-ctx.Done():
			return ticket.Batch{}, ticket.ErrUnavailable
		}
	}
}

// there returns what there is, and what is closed when there is more.
func (m *memoryFeed) there(after ticket.Position) (ticket.Batch, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := ticket.Batch{Next: after}
	if after.Epoch == m.epoch {
		b.Gap = after.Sequence < m.dropped || after.Sequence > m.dropped+uint64(len(m.entries))
	}
	b.Restarted = b.Gap || after.Epoch != m.epoch
	if b.Restarted {
		b.Next = ticket.Position{Epoch: m.epoch, Sequence: m.dropped}
	}
	from := m.entries[b.Next.Sequence-m.dropped:]
	for _, e := range from[:min(len(from), feedBatch)] {
		b.Entries, b.Next = append(b.Entries, e.data), e.at
	}
	return b, m.grown
}

// Exists implements [ticket.FeedStream].
func (m *memoryFeed) Exists(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries) > 0, nil
}
