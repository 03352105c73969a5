package auth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"wsticket/ticket"
)

// Verifier turns bearers into identities. It is safe for concurrent use.
type Verifier struct {
	issuers map[string]*issuer
	ordered []*issuer // as they are configured
	cache   *cache
	now     func() time.Time
	began   time.Time // when New made it

	mu      sync.Mutex
	started bool
	closed  bool
	closing sync.Once
}

// New returns a Verifier, or an error that joins a [ticket.OptionError] for
// each fault of o and of the key files that it names. It reads these files and
// opens no socket. If an issuer's keys are behind a URL, call [Verifier.Start].
func New(o Options) (*Verifier, error) {
	o = o.withDefaults()
	o.Issuers = slices.Clone(o.Issuers)
	for n := range o.Issuers {
		o.Issuers[n] = o.Issuers[n].withDefaults()
	}
	faults := ticket.OptionErrors{Package: "auth"}
	o.validate(&faults)
	v := &Verifier{
		issuers: make(map[string]*issuer), cache: newCache(o.CacheSize),
		now: o.Now, began: o.Now(),
	}
	for n, options := range o.Issuers {
		i := v.newIssuer(&faults, issuerField(n), o, options)
		v.issuers[options.Issuer], v.ordered = i, append(v.ordered, i)
	}
	if err := faults.Err(); err != nil {
		v.Close() // gives up keys that it shares
		return nil, err
	}
	return v, nil
}

// Start begins to fetch the keys of every issuer whose keys are behind a URL,
// each in a goroutine that refreshes them until [Verifier.Close], and waits for
// the first fetch of each, at most 5 s. Before Start the bearers of such issuers
// get [ticket.ErrUnavailable]. Issuers whose keys come from a file or from Go do
// not need it.
//
// Keys that could not be fetched are not an error, because they are tried again:
// see [Verifier.Ready]. Start returns an error if ctx ends before it is done
// waiting, which does not end the fetching, and after Close. A second call waits
// and starts nothing.
func (v *Verifier) Start(ctx context.Context) error {
	if !v.run(context.WithoutCancel(ctx)) {
		return errors.New("auth: start: the verifier is closed")
	}
	for _, keys := range v.remote() {
		select {
		case <-keys.first:
		case <-ctx.Done():
			return fmt.Errorf("auth: wait for keys: %w", ctx.Err())
		}
	}
	return nil
}

// run starts the goroutines that do not run yet. It reports whether the Verifier is
// open.
func (v *Verifier) run(ctx context.Context) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return false
	}
	v.started = true
	for _, keys := range v.remote() {
		keys.start(ctx)
	}
	return true
}

// remote returns the keys that are behind URLs.
func (v *Verifier) remote() []*remoteKeys {
	var all []*remoteKeys
	for _, i := range v.issuers {
		if keys, ok := i.keys.(*remoteKeys); ok {
			all = append(all, keys)
		}
	}
	return all
}

// Close ends the fetching of keys that no other Verifier shares (see
// [Options].Replaces), and returns when these goroutines are gone. Keys that are there
// serve until they are too old.
func (v *Verifier) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.closing.Do(func() {
		var ended []<-chan struct{}
		for _, keys := range v.remote() {
			if done := keys.release(); done != nil {
				ended = append(ended, done)
			}
		}
		for _, done := range ended {
			<-done
		}
	})
}

// shared returns the keys that this Verifier fetches from the same place, so that
// another one need not fetch them again; nil if there are none. The caller releases
// them.
func (v *Verifier) shared(wanted *remoteKeys) *remoteKeys {
	if v == nil || v.issuers[wanted.fetcher.issuer] == nil {
		return nil
	}
	keys, ok := v.issuers[wanted.fetcher.issuer].keys.(*remoteKeys)
	if !ok || keys.maxAge != wanted.maxAge || !keys.fetcher.same(wanted.fetcher) || !keys.share() {
		return nil
	}
	return keys
}

// Authenticate returns the identity that the bearer proves. The caller owns
// it and everything in it. Its ExpiresAt is the bearer's exp.
//
// The error wraps [ticket.ErrInvalidBearer], or [ticket.ErrUnavailable] where
// the issuer's keys are missing; [ticket.AttrsOf] says what did not fit, and
// names the issuer. A bearer that was verified before costs only a
// hash and a look-up, until it expires or its issuer's keys change.
func (v *Verifier) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	text := bearer.Reveal()
	if len(text) > maxBearer {
		_, err := parseToken(text) // refuses it by its size
		return ticket.Identity{}, fmt.Errorf("authenticate: %w", err)
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

// verify does all the work for a bearer that is not in the cache. It reads the
// issuer from claims that are not proven yet, to find the keys that prove them;
// nothing else is used before the signature is verified.
func (v *Verifier) verify(ctx context.Context, text string, now time.Time) (*verified, error) {
	t, c, err := parse(text)
	if err != nil {
		return nil, err
	}
	i, ok := v.issuers[c.issuer()]
	if !ok {
		return nil, otherIssuer(c, slices.Sorted(maps.Keys(v.issuers)))
	}
	proven, err := v.verifyFor(ctx, i, t, c, now)
	return proven, ticket.WithAttrs(err, slog.String("issuer", i.name))
}

// parse checks the shape of a bearer.
func parse(text string) (token, claims, error) {
	t, err := parseToken(text)
	if err != nil {
		return token{}, nil, err
	}
	c, err := parseClaims(t.claims)
	return t, c, err
}

// verifyFor checks a bearer that names the issuer.
func (v *Verifier) verifyFor(ctx context.Context, i *issuer, t token, c claims, now time.Time) (*verified, error) {
	alg, err := i.checkHeader(&t, i.types())
	if err != nil {
		return nil, err
	}
	set, err := i.checkSignature(ctx, t, alg, now)
	if err != nil {
		return nil, err
	}
	// The clock is read again, because keys may have been waited for.
	identity, valid, err := i.identity(c, t.header.typ, v.now())
	if err != nil {
		return nil, err
	}
	return &verified{identity: identity, valid: valid, keys: i.keys, set: set}, nil
}

// HasKey reports whether a bearer that is signed with the private half of a key
// may be accepted, so that the key must not be used for anything else. Keys
// behind a URL are known as far as they were fetched.
func (v *Verifier) HasKey(public crypto.PublicKey) bool {
	now := v.now()
	for _, i := range v.issuers {
		set := i.keys.set(now)
		if set != nil && slices.ContainsFunc(set.keys, func(k *key) bool { return k.is(public) }) {
			return true
		}
	}
	return false
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

// Stats are counts since New.
type Stats struct {
	CacheHits, CacheMisses uint64
	// CacheSize is the number of bearers that are remembered now.
	CacheSize int
	// KeyFetches counts fetches of keys by issuer and outcome: ok, unreachable,
	// blocked, status, content. Each issuer whose keys are behind a URL has all
	// of them from the start.
	KeyFetches map[string]map[string]uint64
}

// Stats returns the counts. The caller owns the maps.
func (v *Verifier) Stats() Stats {
	var s Stats
	s.CacheHits, s.CacheMisses, s.CacheSize = v.cache.stats()
	s.KeyFetches = make(map[string]map[string]uint64)
	for name, i := range v.issuers {
		if keys, ok := i.keys.(*remoteKeys); ok {
			s.KeyFetches[name] = keys.fetches()
		}
	}
	return s
}
