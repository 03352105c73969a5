package audit

import (
	"context"
	"sync"
	"time"

	"wsticket/ticket"
)

// entry is an event that waits to be written.
type entry struct {
	event ticket.Event
	at    time.Time
	kept  *kept // nil unless somebody waits for it
}

// kept is what [Trail.Keep] waits for.
type kept struct {
	stored    chan struct{} // closed when the record is stored
	withdrawn bool          // nobody waits any more; guarded by the queue
}

// chunk is a part of a queue, in which entries stay where they were put.
type chunk struct {
	entries [64]entry
	next    *chunk
}

// chunks are those that no queue uses, without entries. The collector takes them when they
// are not needed for long.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

// queue is a list of entries with a bound. It takes memory for as many as wait. Many
// goroutines put, one takes.
type queue struct {
	max  int
	wake chan struct{} // has an element when the one who takes should look

	mu          sync.Mutex
	head, tail  *chunk // nil while nothing waits
	first, free int    // of head the oldest entry, of tail the place after the newest
	length      int
	taken       int           // that are being written
	urgent      bool          // somebody waits for an entry
	room        chan struct{} // closed when there is room again; nil if nobody waits
	closed      bool
	lost        lost
	told        uint64 // of lost, how many the trail has a record of
}

// lost counts the events that are not in the trail.
type lost struct {
	full    uint64 // the queue was full
	stopped uint64 // the trail had stopped, or could not write them before
}

func newQueue(limit int) *queue {
	return &queue{max: limit, wake: make(chan struct{}, 1)}
}

// put adds an event that was recorded at a time, and reports whether there is room. If
// there is none it returns a channel that is closed when there may be, nil if the queue is
// closed. k is nil unless somebody waits.
func (q *queue) put(e *ticket.Event, at time.Time, k *kept) (room <-chan struct{}, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, false
	case q.length == q.max:
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return q.room, false
	}
	place := q.place()
	place.event, place.at, place.kept = *e, at, k
	place.event.Identity.Claims, place.event.Identity.Audience = nil, nil // which no record has
	q.length++
	q.urgent = q.urgent || k != nil
	if q.length == 1 || q.length == batchSize || k != nil {
		q.signal()
	}
	return nil, true
}

// signal wakes the one who takes.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it is about to look already
	}
}

// place returns the place behind the newest entry.
func (q *queue) place() *entry {
	if q.tail == nil || q.free == len(q.tail.entries) {
		c := chunks.Get().(*chunk) //nolint:errcheck,forcetypeassert // it has no others
		if q.tail == nil {
			q.head, q.first = c, 0
		} else {
			q.tail.next = c
		}
		q.tail, q.free = c, 0
	}
	q.free++
	return &q.tail.entries[q.free-1]
}

// pop removes the oldest entry, and returns it.
func (q *queue) pop() entry {
	c := q.head
	e := c.entries[q.first]
	c.entries[q.first] = entry{} // what it holds is free for the collector
	q.first++
	q.length--
	if q.length == 0 || q.first == len(c.entries) {
		q.head, q.first = c.next, 0
		if q.head == nil {
			q.tail = nil
		}
		c.next = nil
		chunks.Put(c)
	}
	return e
}

// drop counts an event that has found no room.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		q.lost.stopped++
	} else {
		q.lost.full++
	}
}

// withdraw makes an entry as if it had never been put, unless it was taken.
func (q *queue) withdraw(k *kept) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k.withdrawn = true
}

// await returns when there is a batch to take: as many as one has, or fewer after linger,
// or any for which somebody waits. It returns false if ctx ends before.
func (q *queue) await(ctx context.Context) bool {
	var timer <-chan time.Time
	for {
		waiting, ready := q.state()
		switch {
		case ready:
			return true
		case waiting && timer == nil:
			timer = time.After(linger)
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer:
			return true
		case <-q.wake:
		}
	}
}

// waits reports whether there is anything to take.
func (q *queue) waits() bool {
	waiting, _ := q.state()
	return waiting
}

func (q *queue) state() (waiting, ready bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length > 0, q.length >= batchSize || q.urgent && q.length > 0
}

// take moves the oldest entries of a batch to the end of into, without those that were
// withdrawn, and returns how many events were lost since the last time.
func (q *queue) take(into []entry) (_ []entry, lostSince uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := min(q.length, batchSize); n > 0; n-- {
		if e := q.pop(); e.kept == nil || !e.kept.withdrawn {
			into = append(into, e)
		}
	}
	q.taken, q.urgent = len(into), q.urgent && q.length > 0
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	lostSince = q.lost.full - q.told
	q.told = q.lost.full
	return into, lostSince
}

// written notes that those that were taken are stored.
func (q *queue) written() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = 0
}

// close lets nobody put any more. The events that are left count as lost, and so do those
// of a batch that was taken and not written; not those for which somebody waits, who
// hears that they are not stored.
func (q *queue) close(taken []entry) (left int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for q.length > 0 {
		taken = append(taken, q.pop())
	}
	for i := range taken {
		if taken[i].kept == nil {
			left++
		}
	}
	q.lost.stopped += uint64(left) //nolint:gosec // G115: a count
	q.taken = 0
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return left
}

// counts returns how many entries wait or are being written, and how many events were lost.
func (q *queue) counts() (waiting int, l lost) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length + q.taken, q.lost
}
