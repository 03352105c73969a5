package ticket

import "time"

// Bounds of the lifetime of a ticket: as configured, how long its bearer must be
// valid at least, and the shortest one that a request may ask for.
const (
	MinTTL     = 5 * time.Second
	MaxTTL     = 60 * time.Second
	DefaultTTL = 30 * time.Second
	minLeft    = 5 * time.Second
	minRequest = time.Second
)

// MaxRetryWindow is the maximum of Options.RetryWindow. Until it has passed,
// whoever knows token and attempt gets the grant again.
const MaxRetryWindow = 10 * time.Second

// DefaultAudience is the one audience if none is configured.
const DefaultAudience = "default"

// Options are the parts and settings of a [Service].
type Options struct {
	// Store keeps the tickets. Required.
	Store Store
	// TTL is the lifetime of a ticket, 5 s to 60 s. Default 30 s.
	TTL time.Duration
	// Audiences are the endpoints that a ticket may be for; the first is the
	// default. Package gate takes them from the Service. Default: one called
	// "default", which everybody may have.
	Audiences Audiences
	// SealKeys are one to four keys of 32 random bytes. The first encrypts what
	// the store keeps, all of them decrypt it, so that they can be rotated:
	// append the new one in every process, then move it to the front, then remove
	// the old one. All processes that share a store need the same keys. Default:
	// a random key that only this Service knows.
	SealKeys [][]byte
	// RetryWindow is how long the same attempt may redeem a ticket again, with
	// the same result, because the first answer may have been lost. 0: never. At
	// most 10 s.
	RetryWindow time.Duration
	// MaxPending is how many tickets a subject may have that were issued by this
	// Service and are neither expired nor spent. A ticket that another one redeems
	// counts until it would have expired. One too many is [ErrTooManyTickets].
	// At most 10 000. Default: 0, no limit.
	MaxPending int
	// Revocations say which tickets and bearers are void. A ticket that is void is
	// refused when it is redeemed, and spent. Default: none are.
	Revocations Revocations
	// Keeper stores each redemption before Redeem returns its grant, so that nobody is
	// admitted whose admission is not recorded. If it cannot, Redeem returns its error and
	// no grant, and the ticket stays spent. Default: nothing is stored.
	Keeper Keeper
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Replaces is the Service that the new one takes the place of while a program runs,
	// with other SealKeys perhaps. Both count the tickets of MaxPending together, if
	// both have it. Default: there was none.
	Replaces *Service
	// Events gets each issue, redemption and revocation, also those that are
	// refused, before the answer is returned. Default: none.
	Events Sink
}

// Service issues tickets and redeems them. It is safe for concurrent use and
// keeps no state of its own but the counts of MaxPending: any number of them may
// share a store.
type Service struct {
	store      Store
	ttl        time.Duration
	audiences  Audiences
	sealer     sealer
	revoked    Revocations
	pending    *pending // nil without maxPending
	maxPending int
	retry      time.Duration
	now        func() time.Time
	events     Sink
	keeper     Keeper
}

// New returns a Service. The error joins an [*OptionError] for each fault.
func New(o Options) (*Service, error) {
	o = o.withDefaults()
	faults := OptionErrors{Package: "ticket"}
	faults.Check(o.Store != nil, "Store", "required")
	faults.Check(o.TTL >= MinTTL && o.TTL <= MaxTTL, "TTL", "must be %.0fs..%.0fs (got %s)", MinTTL.Seconds(), MaxTTL.Seconds(), o.TTL)
	o.Audiences.Check(&faults)
	faults.Check(o.RetryWindow >= 0 && o.RetryWindow <= MaxRetryWindow, "RetryWindow", "must be 0s..%s (got %s)", MaxRetryWindow, o.RetryWindow)
	faults.Check(o.MaxPending >= 0 && o.MaxPending <= maxMaxPending, "MaxPending", "must be from 0 to %d (got %d)", maxMaxPending, o.MaxPending)
	seal, err := newSealer(o.SealKeys)
	faults.Add("SealKeys", err)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	s := &Service{
		store: o.Store, ttl: o.TTL, audiences: o.Audiences.Clone(),
		sealer: seal, revoked: o.Revocations, maxPending: o.MaxPending, retry: o.RetryWindow, now: o.Now, events: o.Events, keeper: o.Keeper,
	}
	switch before := o.Replaces; {
	case o.MaxPending == 0:
	case before != nil && before.pending != nil:
		s.pending = before.pending
	default:
		s.pending = newPending(seal.keys[0])
	}
	return s, nil
}

// Audiences returns a copy of those of the service.
func (s *Service) Audiences() Audiences { return s.audiences.Clone() }

func (o Options) withDefaults() Options {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if len(o.Audiences) == 0 {
		o.Audiences = Audiences{{Name: DefaultAudience}}
	}
	if o.Revocations == nil {
		o.Revocations = noRevocations{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
