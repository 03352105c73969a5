// Package limit bounds how often something may happen for each of many keys,
// for example requests of an address.
//
// The limits are those of one process: two replicas admit twice as much.
package limit

import (
	"net/netip"
	"sync"
	"time"
)

// Limiter admits up to a rate for each key, as a leaky bucket (GCRA): the
// whole number of events may come at once, after which they trickle at the
// rate. It is safe for concurrent use. A nil Limiter admits everything.
//
// Memory is bounded: keys are held in two generations. A key is forgotten
// when it has been idle for the time of the rate, which loses nothing, or
// when more keys than the bound have come since, which gives it a full bucket
// again. So do not rely on it against an attacker who has more keys than the
// bound; a limit on what they share is for that.
type Limiter struct {
	interval time.Duration // from one event to the next at the steady rate
	burst    time.Duration // how far a bucket may run ahead of the clock
	half     int           // bound of one generation
	now      func() time.Time
	start    time.Time

	mu      sync.Mutex
	young   map[string]time.Duration // key: when its bucket is empty, since start
	old     map[string]time.Duration
	rotated time.Duration // when young was begun, since start
}

// New returns a Limiter that holds about maxKeys keys, or nil where the rate
// is no limit. A nil clock is time.Now.
func New(rate Rate, maxKeys int, now func() time.Time) *Limiter {
	if rate.Events <= 0 || rate.Per <= 0 {
		return nil
	}
	if now == nil {
		now = time.Now
	}
	interval := max(rate.Per/time.Duration(rate.Events), 1)
	return &Limiter{
		interval: interval, burst: interval * time.Duration(rate.Events),
		half: max(maxKeys/2, 1), now: now, start: now(),
		young: make(map[string]time.Duration),
	}
}

// Allow counts an event of key. Where it is one too many it is not counted,
// ok is false, and retryAfter is the time after which it would be admitted.
func (l *Limiter) Allow(key string) (retryAfter time.Duration, ok bool) {
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
	if _, known := l.young[key]; !known {
		l.makeRoomLocked(now)
	}
	l.young[key] = empty
	return 0, true
}

// Exhausted tells whether an event of key would now be one too many, and
// counts nothing. It is for what is counted only when it turns out badly, such
// as wrong keys: ask before the work, and call [Limiter.Allow] after it.
func (l *Limiter) Exhausted(key string) (retryAfter time.Duration, exhausted bool) {
	if l == nil {
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, wait := l.nextLocked(key, l.now().Sub(l.start))
	return max(wait, 0), wait > 0
}

// nextLocked is when the bucket of key will be empty if one more event is
// counted, and how long that event would have to wait.
func (l *Limiter) nextLocked(key string, now time.Duration) (empty, wait time.Duration) {
	empty, known := l.young[key]
	if !known {
		empty = l.old[key]
	}
	empty = max(empty, now) + l.interval
	return empty, empty - now - l.burst
}

// makeRoomLocked begins a new generation where the young one is full, or so
// old that every bucket of the one before it is empty: a bucket runs ahead of
// the clock by the burst at most.
func (l *Limiter) makeRoomLocked(now time.Duration) {
	if len(l.young) < l.half && now-l.rotated < l.burst {
		return
	}
	l.old, l.young = l.young, make(map[string]time.Duration)
	l.rotated = now
}

// AddrKey names the network that an address stands for: an IPv4 address
// itself, and the /64 of an IPv6 address, which is what one subscriber has.
// All unknown addresses share one key.
func AddrKey(a netip.Addr) string {
	a = a.Unmap()
	switch {
	case !a.IsValid():
		return "unknown"
	case a.Is4():
		return a.String()
	default:
		return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
	}
}
