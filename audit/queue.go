package audit

import (
	"context"
	"slices"
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

// queue has entries that wait, with a bound. Many goroutines put, one takes. Those for which
// somebody waits have places of their own and go first: strangers can cause others, and
// must not keep anybody out by that.
type queue struct {
	max  int
	wake chan struct{} // has an element when the one who takes should look

	mu     sync.Mutex
	others ring // for which nobody waits
	kept   ring
	taken  int           // that are being written
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
	to := &q.others
	if k != nil {
		to = &q.kept
	}
	switch {
	case q.closed:
		return nil, false
	case to.length == q.max:
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return q.room, false
	}
	place := to.add(q.max)
	place.event, place.at, place.kept = *e, at, k
	place.event.Identity.Claims, place.event.Identity.Audience = nil, nil // which no record has
	if to.length == 1 || to.length == batchSize {
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
	return q.others.length+q.kept.length > 0, q.others.length >= batchSize || q.kept.length > 0
}

// take moves the entries of a batch to the end of into, the oldest first and without those
// that were withdrawn, and returns how many events were lost since the last time.
func (q *queue) take(into []entry) (_ []entry, lostSince uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	begin := len(into)
	for _, from := range []*ring{&q.kept, &q.others} {
		for from.length > 0 && len(into)-begin < batchSize {
			if e := from.take(); e.kept == nil || !e.kept.withdrawn {
				into = append(into, e)
			}
		}
	}
	slices.SortStableFunc(into[begin:], func(a, b entry) int { return a.at.Compare(b.at) })
	q.taken = len(into)
	q.makeRoom()
	lostSince = q.lost.full - q.told
	q.told = q.lost.full
	return into, lostSince
}

// makeRoom tells those who wait that there is room. q.mu is held.
func (q *queue) makeRoom() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
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
	left = q.others.length
	for i := range taken {
		if taken[i].kept == nil {
			left++
		}
	}
	q.lost.stopped += uint64(left) //nolint:gosec // G115: a count
	q.others, q.kept, q.taken = ring{}, ring{}, 0
	q.makeRoom()
	return left
}

// counts returns how many entries wait or are being written, and how many events were lost.
func (q *queue) counts() (waiting int, l lost) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.others.length + q.kept.length + q.taken, q.lost
}
