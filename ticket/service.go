package ticket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Bounds of the configured lifetime, the least that a bearer must have left
// for a ticket to be made from it, and the least that a request may ask for.
const (
	MinTTL     = 5 * time.Second
	MaxTTL     = 60 * time.Second
	DefaultTTL = 30 * time.Second
	minLeft    = 5 * time.Second
	minRequest = time.Second
)

// MaxRetryWindow bounds Options.RetryWindow: for that long a name of an
// attempt is as good as a ticket.
const MaxRetryWindow = 10 * time.Second

// DefaultAudience is the one audience where none is configured.
const DefaultAudience = "default"

// errCanceled is the caller's own end, named so that it is not taken for a
// fault.
var errCanceled = context.Canceled

// Options are the parts and settings of a [Service].
type Options struct {
	// Store keeps the tickets. Required.
	Store Store
	// TTL is the lifetime of a ticket, 5 s to 60 s. Default 30 s.
	TTL time.Duration
	// Audiences are the endpoints that a ticket may be for; the first is the
	// default. Default: "default".
	Audiences []string
	// SealKeys are one to four keys of 32 random bytes. The first seals what
	// the store keeps, all of them open it, so that they can be rotated: add
	// the new one behind on every process, then in front, then take the old
	// one away. Every process on one store needs the same. Default: a key
	// that is drawn now and known to this Service alone.
	SealKeys [][]byte
	// RetryWindow is how long the same attempt may redeem a ticket again and
	// gets the same grant: its first answer may have been lost on the way.
	// Zero switches it off. At most 10 s.
	RetryWindow time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Observe, if set, is called with each issue, redemption and revocation
	// before the answer is returned. It must not block.
	Observe func(context.Context, Event)
}

// Service issues tickets and redeems them. It is safe for concurrent use and
// holds no state of its own: any number of them may share one store.
type Service struct {
	store     Store
	ttl       time.Duration
	audiences []string
	sealer    sealer
	retry     time.Duration
	now       func() time.Time
	observe   func(context.Context, Event)
}

// New returns a Service, or an error that lists every fault of o.
func New(o Options) (*Service, error) {
	var faults []error
	if o.Store == nil {
		faults = append(faults, errors.New("ticket: store: required"))
	}
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.TTL < MinTTL || o.TTL > MaxTTL {
		faults = append(faults, fmt.Errorf("ticket: ttl: must be %s..%s (got %s)", MinTTL, MaxTTL, o.TTL))
	}
	if len(o.Audiences) == 0 {
		o.Audiences = []string{DefaultAudience}
	}
	if slices.Contains(o.Audiences, "") {
		faults = append(faults, errors.New("ticket: audiences: must not hold an empty name"))
	}
	if o.RetryWindow < 0 || o.RetryWindow > MaxRetryWindow {
		faults = append(faults, fmt.Errorf("ticket: retry window: must be 0s..%s (got %s)", MaxRetryWindow, o.RetryWindow))
	}
	seal, err := newSealer(o.SealKeys)
	if err != nil {
		faults = append(faults, fmt.Errorf("ticket: seal keys: %w", err))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Event) {}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &Service{
		store: o.Store, ttl: o.TTL, audiences: slices.Clone(o.Audiences),
		sealer: seal, retry: o.RetryWindow, now: o.Now, observe: o.Observe,
	}, nil
}
