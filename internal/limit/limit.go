// Package limit bounds how often something may happen for each of many keys,
// for example requests of an address.
//
// The limits are those of one process: two replicas admit twice as much.
package limit

import (
	"sync"
	"time"

	"wsticket/internal/gencache"
)

// Limiter admits up to a rate for each key, as a leaky bucket (GCRA): the
// whole number of events may come at once, after which one is admitted each
// time the interval has passed. It is safe for concurrent use. A nil Limiter
// admits everything.
//
// Memory is bounded. A key is forgotten when it has been idle for the time of
// the rate, which loses nothing, or when more keys than the bound have come
// since, which gives it a full bucket again. So do not rely on it against an
// attacker who has more keys than the bound; a limit on what they share is for
// that.
type Limiter[K comparable] struct {
	interval time.Duration // from one event to the next at the steady rate
	burst    time.Duration // how far a bucket may run ahead of the clock
	now      func() time.Time
	start    time.Time

	mu      sync.Mutex
	buckets *gencache.Map[K, time.Duration] // key: when its bucket is empty, since start
	turned  time.Duration                   // when the generations of buckets turned, since start
}

// New returns a Limiter that holds about maxKeys keys, or nil if the rate
// is no limit. A nil clock is time.Now.
func New[K comparable](rate Rate, maxKeys int, now func() time.Time) *Limiter[K] {
	if rate.Events <= 0 || rate.Per <= 0 {
		return nil
	}
	if now == nil {
		now = time.Now
	}
	interval := max(rate.Per/time.Duration(rate.Events), 1)
	return &Limiter[K]{
		interval: interval, burst: interval * time.Duration(rate.Events),
		now: now, start: now(),
		buckets: gencache.New[K, time.Duration](max(maxKeys, 1)),
	}
}

// Inherit takes over what another Limiter has counted, which this one replaces: each
// key has used the same part of its burst as there. What comes to the other one
// meanwhile may be missing. Call it before the first event.
func (l *Limiter[K]) Inherit(from *Limiter[K]) {
	if l == nil || from == nil {
		return
	}
	from.mu.Lock()
	defer from.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	before, now := from.now().Sub(from.start), l.now().Sub(l.start)
	for key, empty := range from.buckets.All() {
		if used := float64(empty-before) / float64(from.burst); used > 0 {
			l.buckets.Put(key, now+time.Duration(min(used, 1)*float64(l.burst)))
		}
	}
	l.turned = now
}

// Allow counts an event of key. If it is one too many it is not counted,
// ok is false, and retryAfter is the time after which it would be admitted.
func (l *Limiter[K]) Allow(key K) (retryAfter time.Duration, ok bool) {
	if l == nil {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Sub(l.start)
	empty, wait := l.nextLocked(key, now)
	if wait > 0 {
		return wait, false
	}
	// A bucket runs ahead of the clock by the burst at most, so every bucket of
	// a generation that turned so long ago is empty.
	if now-l.turned >= l.burst {
		l.buckets.Turn()
		l.turned = now
	}
	if l.buckets.Put(key, empty) {
		l.turned = now
	}
	return 0, true
}

// nextLocked returns when the bucket of key will be empty if one more event is
// counted, and how long that event would have to wait.
func (l *Limiter[K]) nextLocked(key K, now time.Duration) (empty, wait time.Duration) {
	empty, _ = l.buckets.Peek(key)
	empty = max(empty, now) + l.interval
	return empty, empty - now - l.burst
}
