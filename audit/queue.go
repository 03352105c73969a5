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

// queue is a ring of entries with a bound. It takes memory for as many as have waited at
// once. Many goroutines put, one takes.
type queue struct {
	max  int
	wake chan struct{} // has an element when the one who takes should look

	mu     sync.Mutex
	ring   []entry
	first  int // of the oldest
	length int
	taken  int           // that are being written
	urgent bool          // somebody waits for an entry
	room   chan struct{} // closed when there is room again; nil if nobody waits
	closed bool
	lost   lost
	told   uint64 // of lost, how many the trail has a record of
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
	if q.length == len(q.ring) {
		q.grow()
	}
	place := &q.ring[(q.first+q.length)%len(q.ring)]
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

const firstRing = 64

func (q *queue) grow() {
	larger := make([]entry, min(q.max, max(firstRing, 2*len(q.ring))))
	n := copy(larger, q.ring[q.first:])
	copy(larger[n:], q.ring[:q.first])
	q.ring, q.first = larger, 0
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
		e := &q.ring[q.first]
		if e.kept == nil || !e.kept.withdrawn {
			into = append(into, *e)
		}
		*e = entry{} // what it holds is free for the collector
		q.first = (q.first + 1) % len(q.ring)
		q.length--
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
	for n := range q.length {
		taken = append(taken, q.ring[(q.first+n)%len(q.ring)])
	}
	for i := range taken {
		if taken[i].kept == nil {
			left++
		}
	}
	q.lost.stopped += uint64(left) //nolint:gosec // G115: a count
	q.ring, q.first, q.length, q.taken = nil, 0, 0, 0
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
