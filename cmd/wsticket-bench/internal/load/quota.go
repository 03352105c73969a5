package load

import (
	"math"
	"sync/atomic"
	"time"
)

// bounds is the size of a storm: a number of requests, 0 for any number, and a
// time.
type bounds struct {
	count    int64
	duration time.Duration
}

// quota is what is left of bounds. It is safe for concurrent use.
type quota struct {
	left  atomic.Int64
	until time.Time
}

// start starts the clock.
func (b bounds) start() *quota {
	q := &quota{until: time.Now().Add(b.duration)}
	if b.count == 0 {
		b.count = math.MaxInt64
	}
	q.left.Store(b.count)
	return q
}

// open reports whether anything is left.
func (q *quota) open() bool { return q.left.Load() > 0 && time.Now().Before(q.until) }

// take takes one request away, and reports whether there was one.
func (q *quota) take() bool {
	if !time.Now().Before(q.until) {
		return false
	}
	if q.left.Add(-1) < 0 {
		q.give()
		return false
	}
	return true
}

// give returns a request that was taken and not made.
func (q *quota) give() { q.left.Add(1) }
