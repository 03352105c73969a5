package gate

import (
	"net/netip"
	"time"

	"wsticket/internal/limit"
)

// Limiter counts an event of a key, and reports whether it is within the
// limit; otherwise it says when the next one will be. It must not block. A
// [*RateLimiter] is one.
type Limiter interface {
	Allow(key string) (retryAfter time.Duration, ok bool)
}

// The default limits, which apply if nothing is configured.
const (
	// DefaultPerAddress and DefaultPerSubject are events a second.
	DefaultPerAddress = 50
	DefaultPerSubject = 10
)

// limitKeys bounds the keys that a RateLimiter remembers.
const limitKeys = 100_000

// RateLimiter allows a number of events in a time for each key, all of which
// may come at once. Its limits are those of one process. It is safe for
// concurrent use; nil allows everything.
type RateLimiter struct{ limiter *limit.Limiter }

// NewRateLimiter returns a RateLimiter for events in each period. Zero events:
// no limit.
func NewRateLimiter(events int, per time.Duration) *RateLimiter {
	return &RateLimiter{limit.New(limit.Rate{Events: events, Per: per}, limitKeys, nil)}
}

// Allow counts an event of key, unless it is one too many.
func (l *RateLimiter) Allow(key string) (retryAfter time.Duration, ok bool) {
	if l == nil {
		return 0, true
	}
	return l.limiter.Allow(key)
}

// Exhausted reports whether an event of key would be one too many now, and
// counts nothing.
func (l *RateLimiter) Exhausted(key string) (retryAfter time.Duration, exhausted bool) {
	if l == nil {
		return 0, false
	}
	return l.limiter.Exhausted(key)
}

// Limit counts an event of key with l. If it is one too many, the error is a
// [*LimitError].
func Limit(l Limiter, key string) error {
	if after, ok := l.Allow(key); !ok {
		return &LimitError{RetryAfter: after}
	}
	return nil
}

// LimitAddress is Limit by the address of a client, an IPv6 one by its /64.
func (g *Gate) LimitAddress(addr netip.Addr) error {
	return Limit(g.o.AddressLimit, limit.AddrKey(addr))
}
