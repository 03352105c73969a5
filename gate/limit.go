package gate

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"wsticket/internal/clientip"
	"wsticket/internal/limit"
	"wsticket/ticket"
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
// may come at once. As a limit of addresses it also counts by network, so that an
// IPv6 network cannot have as many clients as it has addresses: the /56 of a
// client may have four times the events of its /64, and its /48 sixteen times. Its
// limits are those of one process. It is safe for concurrent use; nil allows
// everything, and has no rate to set.
type RateLimiter struct{ rates atomic.Pointer[rates] }

// rates is a rate, and what was counted against it.
type rates struct {
	limit.Rate
	limiter   *limit.Limiter[string]
	addresses *limit.Addresses
}

// NewRateLimiter returns a RateLimiter for events in each period. Zero events:
// no limit.
func NewRateLimiter(events int, per time.Duration) *RateLimiter {
	l := new(RateLimiter)
	l.rates.Store(newRates(events, per))
	return l
}

func newRates(events int, per time.Duration) *rates {
	rate := limit.Rate{Events: events, Per: per}
	return &rates{rate, limit.New[string](rate, limitKeys, nil), limit.NewAddresses(rate, limitKeys, nil)}
}

// SetRate changes the rate. A key that has used half of its events has half of the new
// ones left. Zero events: no limit.
func (l *RateLimiter) SetRate(events int, per time.Duration) {
	before := l.rates.Load()
	next := newRates(events, per)
	if next.Rate == before.Rate {
		return
	}
	next.limiter.Inherit(before.limiter)
	next.addresses.Inherit(before.addresses)
	l.rates.Store(next)
}

// Allow counts an event of key, unless it is one too many.
func (l *RateLimiter) Allow(key string) (retryAfter time.Duration, ok bool) {
	if l == nil {
		return 0, true
	}
	return l.rates.Load().limiter.Allow(key)
}

// Limit counts an event of key with l. If it is one too many, the error is a
// [*LimitError].
func Limit(l Limiter, key string) error {
	if after, ok := l.Allow(key); !ok {
		return exceeded(l, after)
	}
	return nil
}

// exceeded returns the error of a limit that is reached. If l is a [*RateLimiter],
// the error says for logs what the limit is.
func exceeded(l Limiter, after time.Duration) error {
	err := &LimitError{RetryAfter: after}
	if limiter, ok := l.(*RateLimiter); ok && limiter != nil {
		rates := limiter.rates.Load()
		err.Events, err.Per = rates.Events, rates.Per
		return ticket.WithAttrs(err, rates.atMost(1))
	}
	return err
}

// atMost says how many events there may be, of a network that has a number of
// times those of one key.
func (r *rates) atMost(times int) slog.Attr {
	return ticket.Expected(fmt.Sprintf("at most %d in %s", r.Events*times, r.Per))
}

// limitPerAddress names the limit of addresses in logs, by its key in the
// configuration of serve.
const limitPerAddress = "limits.per_address"

// LimitAddress counts an event of the address of a client, an IPv6 one by its
// /64, with Options.AddressLimit. If that is a [*RateLimiter] it counts by the
// larger networks, too, and an address of a proxy may have sixteen times the events
// of one client: see [Gate.IsProxy].
func (g *Gate) LimitAddress(addr netip.Addr) error {
	limiter, ok := g.o.AddressLimit.(*RateLimiter)
	if !ok {
		return LimitedBy(limitPerAddress, Limit(g.o.AddressLimit, limit.AddrKey(addr)))
	}
	if limiter == nil {
		return nil
	}
	rates := limiter.rates.Load()
	after, network, ok := rates.addresses.Allow(g.limited(addr))
	if ok {
		return nil
	}
	times := limit.Times(network)
	err := ticket.WithAttrs(&LimitError{RetryAfter: after, Events: rates.Events * times, Per: rates.Per}, rates.atMost(times))
	return LimitedBy(limitPerAddress, err, NetworkAttr(network))
}

func (g *Gate) limited(addr netip.Addr) limit.Client {
	return limit.Client{Addr: addr, Many: g.IsProxy(addr)}
}

// IsProxy reports whether an address is one of TrustedProxies or ForwardAuthPeers.
// As the address of a client it may be that of many, whom the proxy does not name.
func (g *Gate) IsProxy(addr netip.Addr) bool {
	return clientip.Within(addr, g.o.TrustedProxies) || clientip.Within(addr, g.o.ForwardAuthPeers)
}

// LimitedBy returns the error of a limit with the limit's name, such as
// limits.per_subject, and for logs whose it is. Nil stays nil.
func LimitedBy(name string, err error, whose ...slog.Attr) error {
	if err == nil {
		return nil
	}
	if limited, ok := errors.AsType[*LimitError](err); ok {
		_, limited.Name, _ = strings.Cut(name, ".")
	}
	return ticket.WithAttrs(err, append([]slog.Attr{slog.String("limit", name)}, whose...)...)
}

// NetworkAttr names the network that has reached a limit, "unknown" for that of
// clients without an address.
func NetworkAttr(network netip.Prefix) slog.Attr {
	return slog.String("network", limit.NetworkText(network))
}
