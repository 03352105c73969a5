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
		now: o.Now, observe: o.Observe,
	}, nil
}
