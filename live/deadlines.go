package live

import (
	"container/heap"
	"sync"
	"time"
)

const (
	// lookEvery is how often the clocks are compared while there are deadlines. No
	// timer says that a machine slept, or that its clock was set.
	lookEvery = time.Second
	// maxShift is how far the clocks may drift apart before the deadlines follow.
	maxShift = 100 * time.Millisecond
	// maxDue bounds what becomes due at once: the rest waits for the next tick, so that
	// nobody who needs the lock waits long.
	maxDue = 1024
	// longest is as late as a deadline can be. What is later is never reached, and
	// does not overflow.
	longest = 100 * 365 * 24 * time.Hour
)

// deadlines ends connections when their time is over, by one timer for all. They are
// kept by the monotonic clock, so that a clock that is set back extends nothing. When
// the wall clock goes ahead of it, because it was set or because the machine slept, they
// move nearer. It is safe for concurrent use; a caller may hold Connection.mu.
type deadlines struct {
	now    func() time.Time
	notice time.Duration // before a deadline; 0 is none
	due    func([]due)   // called without a lock
	start  time.Time     // where both clocks begin

	mu    sync.Mutex
	ahead time.Duration // of the monotonic clock is the wall clock
	heap  deadlineHeap
	timer *time.Timer // nil until there is a deadline
}

// due is a connection whose time is over, or nearly.
type due struct {
	c    *Connection
	over bool
}

func newDeadlines(now func() time.Time, notice time.Duration, f func([]due)) *deadlines {
	d := &deadlines{now: now, notice: notice, due: f, start: time.Now()}
	d.ahead = d.wall(now()) - d.mono()
	return d
}

// mono and wall tell the two clocks, which share their zero.
func (d *deadlines) mono() time.Duration             { return time.Since(d.start) }
func (d *deadlines) wall(at time.Time) time.Duration { return at.Round(0).Sub(d.start.Round(0)) }

// set gives a connection a deadline, or another one. The zero time is none.
func (d *deadlines) set(c *Connection, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removeLocked(c)
	if at.IsZero() {
		return
	}
	d.followLocked()
	wall := min(d.wall(at), longest)
	heap.Push(&d.heap, deadline{c: c, wall: wall, at: wall - d.ahead, owed: d.notice})
	if c.slot == 1 {
		d.armLocked()
	}
}

// forget removes the deadline of a connection, if it has one.
func (d *deadlines) forget(c *Connection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removeLocked(c)
}

// has reports whether a connection has a deadline that was not reached.
func (d *deadlines) has(c *Connection) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return c.slot != 0
}

// over reports whether the deadline of a connection has passed, although nobody may
// have noticed yet.
func (d *deadlines) over(c *Connection) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followLocked()
	return c.slot != 0 && d.heap[c.slot-1].at <= d.mono()
}

func (d *deadlines) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.heap)
}

func (d *deadlines) removeLocked(c *Connection) {
	if c.slot != 0 {
		heap.Remove(&d.heap, int(c.slot)-1)
	}
}

// run is what the timer calls.
func (d *deadlines) run() {
	d.mu.Lock()
	d.followLocked()
	all := d.takeLocked()
	d.armLocked()
	d.mu.Unlock()
	if len(all) > 0 {
		d.due(all)
	}
}

// takeLocked returns what is due. A connection that gets its notice stays in the heap,
// with its deadline.
func (d *deadlines) takeLocked() []due {
	var all []due
	now := d.mono()
	for len(d.heap) > 0 && len(all) < maxDue {
		first := &d.heap[0]
		over := first.at <= now
		switch {
		case over:
			all = append(all, due{first.c, true})
			heap.Pop(&d.heap)
		case first.next() <= now:
			first.owed = 0
			all = append(all, due{first.c, false})
			heap.Fix(&d.heap, 0)
		default:
			return all
		}
	}
	return all
}

// followLocked notices that the wall clock has jumped.
func (d *deadlines) followLocked() {
	ahead := d.wall(d.now()) - d.mono()
	shift := ahead - d.ahead
	if shift.Abs() <= maxShift {
		return
	}
	d.ahead = ahead
	if shift < 0 {
		return
	}
	for i := range d.heap {
		item := &d.heap[i]
		item.at = min(item.at, item.wall-ahead)
	}
	heap.Init(&d.heap)
	d.armLocked()
}

// armLocked sets the timer for the first of the heap.
func (d *deadlines) armLocked() {
	if len(d.heap) == 0 {
		return // a timer that runs finds nothing and ends
	}
	wait := min(max(0, d.heap[0].next()-d.mono()), lookEvery)
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, d.run)
	} else {
		d.timer.Reset(wait)
	}
}

// deadline is when a connection ends.
type deadline struct {
	c    *Connection
	wall time.Duration // by the wall clock
	at   time.Duration // by the monotonic clock
	owed time.Duration // how long before that its notice has to come; 0 when it was sent
}

func (i *deadline) next() time.Duration { return i.at - i.owed }

// deadlineHeap has the next one on top. Each connection knows its place, counted from
// one; 0 is none.
type deadlineHeap []deadline

// Len implements heap.Interface.
func (h deadlineHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h deadlineHeap) Less(i, j int) bool { return h[i].next() < h[j].next() }

// Swap implements heap.Interface.
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].c.slot, h[j].c.slot = int32(i+1), int32(j+1) //nolint:gosec // there is no memory for 2^31 connections
}

// Push implements heap.Interface.
func (h *deadlineHeap) Push(x any) {
	item := x.(deadline)             //nolint:errcheck,forcetypeassert // set pushes nothing else
	item.c.slot = int32(len(*h) + 1) //nolint:gosec // see Swap
	*h = append(*h, item)
}

// Pop implements heap.Interface.
func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	item := (*h)[last]
	(*h)[last] = deadline{}
	*h = (*h)[:last]
	item.c.slot = 0
	return item
}
