package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"wsticket/ticket"
)

// Verifier turns bearers into identities. It is safe for concurrent use.
type Verifier struct {
	issuers map[string]*issuer
	cache   *cache
	now     func() time.Time

	cancel  context.CancelFunc // ends the goroutines that fetch keys
	running sync.WaitGroup

	mu      sync.Mutex
	fetches map[string]uint64
}

// New returns a Verifier, or an error that lists every fault of o, also those
// of the files that it names.
//
// For each issuer whose keys are behind a URL it starts a goroutine, which
// [Verifier.Close] ends, and waits for the first fetch, at most 5 s. Keys that
// could not be fetched are no error: see [Verifier.Ready]. The context bounds
// only the waiting; if it ends first, so does New, with its error.
func New(ctx context.Context, o Options) (*Verifier, error) {
	o = o.withDefaults()
	wrong := o.validate()
	v := &Verifier{
		issuers: make(map[string]*issuer), cache: newCache(max(o.CacheSize, 0)),
		now: o.Now, fetches: make(map[string]uint64),
	}
	for n, options := range o.Issuers {
		if len(options.sources()) != 1 {
			continue // a fault that validate has listed
		}
		i, err := v.newIssuer(o, options)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("auth: issuers[%d].%w", n, err))
			continue
		}
		v.issuers[options.Issuer] = i
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if err := v.start(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

// start begins fetching, for all issuers at the same time, and waits until
// each has tried once.
func (v *Verifier) start(ctx context.Context) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v.cancel = cancel
	var flights []<-chan struct{}
	for _, i := range v.issuers {
		if keys, ok := i.keys.(*remoteKeys); ok {
			flights = append(flights, keys.start())
			v.running.Go(func() { keys.run(running) })
		}
	}
	for _, flight := range flights {
		select {
		case <-flight:
		case <-ctx.Done():
			v.Close()
			return fmt.Errorf("auth: wait for keys: %w", ctx.Err())
		}
	}
	return nil
}

// Authenticate returns the identity that the bearer proves. The caller owns
// it and everything in it. Its ExpiresAt is the bearer's exp, which with a
// leeway may have passed.
//
// The error wraps [ticket.ErrInvalidBearer], or [ticket.ErrUnavailable] where
// the issuer's keys cannot be had. A bearer that was verified before costs a
// hash and a look-up, until it expires or its issuer's keys change.
func (v *Verifier) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	text := bearer.Reveal()
	if len(text) > maxBearer {
		return ticket.Identity{}, fmt.Errorf("authenticate: %w", refusedMalformed)
	}
	now := v.now()
	name := digest(sha256.Sum256([]byte(text)))
	if identity, ok := v.cache.get(name, now); ok {
		return identity, nil
	}
	proven, err := v.verify(ctx, text, now)
	if err != nil {
		return ticket.Identity{}, fmt.Errorf("authenticate: %w", err)
	}
	v.cache.put(name, proven, now)
	return proven.identity, nil
}

// verify does all the work for a bearer that is not in the cache. The issuer
// is read from claims that are not proven yet, to find the keys that prove
// them; nothing else is before the signature holds.
func (v *Verifier) verify(ctx context.Context, text string, now time.Time) (*verified, error) {
	t, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	c, err := parseClaims(t.claims)
	if err != nil {
		return nil, err
	}
	name, _ := c["iss"].(string)
	i, ok := v.issuers[name]
	if !ok {
		return nil, refusedIssuer
	}
	set, err := i.checkSignature(ctx, t, now)
	if err != nil {
		return nil, err
	}
	// The clock is read again, for keys may have been waited for.
	identity, valid, err := i.identity(c, v.now())
	if err != nil {
		return nil, err
	}
	return &verified{identity: identity, valid: valid, keys: i.keys, set: set}, nil
}

// Ready returns nil if every issuer has keys, else an error that names those
// that have none and wraps [ticket.ErrUnavailable]. It does not wait.
func (v *Verifier) Ready(context.Context) error {
	var missing []error
	now := v.now()
	for _, name := range slices.Sorted(maps.Keys(v.issuers)) {
		if v.issuers[name].keys.set(now) == nil {
			missing = append(missing, fmt.Errorf("issuer %s: %w", name, keysUnavailable))
		}
	}
	return errors.Join(missing...)
}

// Close ends the refresh of keys and returns when nothing runs any more. What
// is there goes on serving until it is too old.
func (v *Verifier) Close() {
	v.cancel()
	v.running.Wait()
}

// Stats are counts since the start.
type Stats struct {
	CacheHits, CacheMisses uint64
	// CacheSize is the number of verified bearers kept now.
	CacheSize int
	// KeyFetches counts fetches of keys by outcome: ok, unreachable, blocked,
	// status, content.
	KeyFetches map[string]uint64
}

// Stats returns the counts. The caller owns the map.
func (v *Verifier) Stats() Stats {
	var s Stats
	s.CacheHits, s.CacheMisses, s.CacheSize = v.cache.stats()
	v.mu.Lock()
	defer v.mu.Unlock()
	s.KeyFetches = maps.Clone(v.fetches)
	return s
}

func (v *Verifier) countFetch(outcome string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fetches[outcome]++
}
