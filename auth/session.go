package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"wsticket/internal/handshake"
	"wsticket/ticket"
)

// Bounds of what an application vouches for.
const (
	// vouchedFor is how long its word is remembered, in the cache and nowhere
	// else: so late at most does a logout show here.
	vouchedFor = 10 * time.Second
	// maxSession is the longest time from the lookup to the end of the
	// identity, also where the application names a later end, or none.
	maxSession = DefaultMaxLifetime
	// maxLookups bounds the requests under way at the application, and
	// maxFlights those and the ones that wait for their turn.
	maxLookups = 64
	maxFlights = 1024
)

// Sessions turns session cookies into identities: by the JWT that the cookie
// holds, or by asking the application whose session it is. It is safe for
// concurrent use.
type Sessions struct {
	verifier *Verifier // nil where the application is asked
	lookup   *lookup
	cache    *cache
	now      func() time.Time
	timeout  time.Duration
	turns    chan struct{} // holds one for each request under way

	running sync.WaitGroup // the flights
	mu      sync.Mutex
	flights map[digest]*flight
	closed  bool
}

// flight is one lookup, and all who wait for it.
type flight struct {
	done     chan struct{} // closed when the rest is there
	identity ticket.Identity
	err      error
}

// NewSessions returns a Sessions, or an error that lists every fault of o.
func NewSessions(o SessionOptions) (*Sessions, error) {
	o = o.withDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Sessions{verifier: o.Verifier, now: o.Now, timeout: o.Timeout}
	if o.Verifier != nil {
		return s, nil
	}
	s.lookup = newLookup(o)
	s.cache = newCache(max(o.CacheSize, 0))
	s.turns = make(chan struct{}, maxLookups)
	s.flights = make(map[digest]*flight)
	return s, nil
}

// Authenticate returns the identity whose session the cookie's value is. The
// caller owns it and everything in it. The error wraps
// [ticket.ErrInvalidBearer], or [ticket.ErrUnavailable] where that cannot be
// told now; it holds nothing of the cookie.
//
// Where the application is asked, callers with the same cookie share one
// lookup, and one that leaves takes nothing from the others.
func (s *Sessions) Authenticate(ctx context.Context, cookie ticket.Bearer) (ticket.Identity, error) {
	if s.verifier != nil {
		return s.verifier.Authenticate(ctx, cookie)
	}
	value := cookie.Reveal()
	if len(value) > maxBearer || !handshake.IsCookieValue(value) {
		return ticket.Identity{}, fmt.Errorf("authenticate session: %w", refusedMalformed)
	}
	identity, err := s.vouched(ctx, value)
	if err != nil {
		return ticket.Identity{}, fmt.Errorf("authenticate session: %w", err)
	}
	return identity, nil
}

// vouched takes what is remembered, or waits for a lookup.
func (s *Sessions) vouched(ctx context.Context, value string) (ticket.Identity, error) {
	name := digest(sha256.Sum256([]byte(value)))
	identity, found, f := s.join(ctx, name, value)
	switch {
	case found:
		return identity, nil
	case f == nil:
		return ticket.Identity{}, sessionBusy
	}
	select {
	case <-f.done:
		return own(f.identity), f.err
	case <-ctx.Done():
		return ticket.Identity{}, sessionUnreachable
	}
}

// join returns what is remembered, else the flight for the cookie, and begins
// one where there is none. Without either there are too many already.
func (s *Sessions) join(ctx context.Context, name digest, value string) (ticket.Identity, bool, *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Under the lock, because a flight leaves the map after it has filled the
	// cache: whoever finds neither is the first.
	now := s.now()
	if identity, ok := s.cache.get(name, now); ok {
		return identity, true, nil
	}
	f := s.flights[name]
	if f != nil || s.closed || len(s.flights) >= maxFlights {
		return ticket.Identity{}, false, f
	}
	f = &flight{done: make(chan struct{})}
	s.flights[name] = f
	// It outlives the request of whoever came first, and ends by its time-out.
	ctx = context.WithoutCancel(ctx)
	s.running.Go(func() { s.fly(ctx, f, name, value, now) })
	return ticket.Identity{}, false, f
}

// fly asks the application, remembers what it vouches for, and lets everybody
// go who waits. A refusal is not remembered: it would outlast a login that
// keeps the cookie, and those who make cookies up have enough of them anyway.
func (s *Sessions) fly(ctx context.Context, f *flight, name digest, value string, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if f.identity, f.err = s.ask(ctx, value, now); f.err == nil {
		valid := window{begins: now, ends: earlier(now.Add(vouchedFor), f.identity.ExpiresAt)}
		s.cache.put(name, &verified{identity: f.identity, valid: valid}, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, name)
	close(f.done)
}

// ask waits for its turn and looks the session up. Times count from before the
// answer was made.
func (s *Sessions) ask(ctx context.Context, value string, now time.Time) (ticket.Identity, error) {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return ticket.Identity{}, sessionBusy
	}
	data, err := s.lookup.get(ctx, value)
	if err != nil {
		return ticket.Identity{}, err
	}
	said, err := parseVouched(data)
	if err != nil {
		return ticket.Identity{}, err
	}
	if !said.expires.IsZero() && !now.Before(said.expires) {
		return ticket.Identity{}, refusedExpired
	}
	end := now.Add(maxSession)
	if !said.expires.IsZero() {
		end = earlier(end, said.expires)
	}
	return ticket.Identity{
		Issuer: s.lookup.issuer, Subject: said.subject, SessionID: said.session,
		Claims: said.claims, ExpiresAt: end,
	}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Close begins no further lookup and returns when none is under way, which is
// after the time-out at the latest.
func (s *Sessions) Close() {
	if s.verifier != nil {
		return
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	s.lookup.client.CloseIdleConnections()
}

// SessionStats are counts since the start; all zero where the cookie holds a
// JWT, which the Verifier counts.
type SessionStats struct {
	CacheHits, CacheMisses uint64
	// CacheSize is the number of sessions that are remembered now.
	CacheSize int
}

// Stats returns the counts.
func (s *Sessions) Stats() SessionStats {
	if s.verifier != nil {
		return SessionStats{}
	}
	hits, misses, size := s.cache.stats()
	return SessionStats{CacheHits: hits, CacheMisses: misses, CacheSize: size}
}
