package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"wsticket/internal/header"
	"wsticket/internal/limit"
	"wsticket/ticket"
)

// Bounds of what an application vouches for.
const (
	// vouchedFor is how long an identity is remembered, in the cache and
	// nowhere else, and so how long a logout may go unnoticed.
	vouchedFor = 10 * time.Second
	// maxSession is the longest time from the lookup to the end of the
	// identity, also if the application gives a later end, or none.
	maxSession = DefaultMaxLifetime
	// maxCookies bounds the cookies of one session in bytes: a cookie that is
	// in chunks is longer than a bearer may be.
	maxCookies = 2 * maxBearer
)

// Sessions turn session cookies into identities by asking the application who
// the session belongs to. They are safe for concurrent use.
type Sessions struct {
	lookup  *lookup
	cache   *cache
	now     func() time.Time
	timeout time.Duration
	proxies []netip.Prefix
	keep    bool // the cookies, in identities

	places  *limit.Places // of flights
	turns   turns
	running sync.WaitGroup // the flights
	mu      sync.Mutex
	flights map[digest]*flight
	closed  bool
}

// flight is one lookup, and all callers that wait for it.
type flight struct {
	client   limit.Client  // of the first caller
	done     chan struct{} // closed when the rest is set
	identity ticket.Identity
	err      error
}

// NewSessions returns Sessions, or an error that joins a [ticket.OptionError]
// for each fault of o. It opens no socket; the first lookup does.
func NewSessions(o SessionOptions) (*Sessions, error) {
	o = o.withDefaults()
	faults := ticket.OptionErrors{Package: "auth"}
	o.validate(&faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return &Sessions{
		lookup: newLookup(o), cache: newCache(o.CacheSize), now: o.Now, timeout: o.Timeout, proxies: o.TrustedProxies, keep: o.KeepCookies,
		places: limit.NewPlaces(maxFlights, flightsOfAddress), flights: make(map[digest]*flight),
		turns: turns{places: limit.NewPlaces(maxLookups, lookupsOfAddress)},
	}, nil
}

// Issuer returns the issuer of all identities that this part vouches for.
func (s *Sessions) Issuer() string { return s.lookup.issuer }

// Authenticate returns the identity that the session with this cookie value
// belongs to. The caller owns it and everything in it. The error wraps
// [ticket.ErrInvalidBearer], or [ticket.ErrUnavailable] if the application
// gives no clear answer; it holds nothing of the cookie.
//
// Callers with the same cookie share one lookup, which goes on for the others
// when one of them gives up. A client address has a share of the lookups, and
// remembered sessions are not part of it: put the address into the context by
// [ticket.WithRequest]. Package api and package ws do. Unknown addresses share one
// share.
func (s *Sessions) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	if len(bearer.Reveal()) > maxBearer || !header.IsCookieValue(bearer.Reveal()) {
		return ticket.Identity{}, fmt.Errorf("authenticate session: %w", refusedMalformed)
	}
	return s.AuthenticateCookies(ctx, ticket.NewBearer(s.lookup.cookie+"="+bearer.Reveal()))
}

// AuthenticateCookies is Authenticate for cookies as they were sent: what a Cookie
// header would have, which the application gets as it is. So it judges quotes,
// chunks, and a cookie that came twice as it does for its own pages.
func (s *Sessions) AuthenticateCookies(ctx context.Context, cookies ticket.Bearer) (ticket.Identity, error) {
	if len(cookies.Reveal()) > maxCookies {
		return ticket.Identity{}, fmt.Errorf("authenticate session: %w", refusedMalformed)
	}
	identity, err := s.vouched(ctx, cookies.Reveal())
	if err != nil {
		return ticket.Identity{}, fmt.Errorf("authenticate session: %w", err)
	}
	return identity, nil
}

// Forget forgets what the application has said about a session, so that it is asked
// again.
func (s *Sessions) Forget(cookies ticket.Bearer) {
	s.cache.forget(digest(sha256.Sum256([]byte(cookies.Reveal()))))
}

// vouched returns an identity that is remembered, or waits for a lookup.
func (s *Sessions) vouched(ctx context.Context, cookies string) (ticket.Identity, error) {
	name := digest(sha256.Sum256([]byte(cookies)))
	identity, f, err := s.join(ctx, name, cookies)
	if f == nil {
		return identity, err
	}
	select {
	case <-f.done:
		return cloneIdentity(f.identity), f.err
	case <-ctx.Done():
		return ticket.Identity{}, sessionUnreachable
	}
}

// join returns an identity that is remembered, or else the flight for the
// cookie, which it starts if there is none. The error says that there are too many
// flights.
func (s *Sessions) join(ctx context.Context, name digest, cookies string) (ticket.Identity, *flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Under the lock, because a flight leaves the map after it has filled the
	// cache: whoever finds neither is the first.
	now := s.now()
	if identity, ok := s.cache.get(name, now); ok {
		return identity, nil, nil
	}
	if f := s.flights[name]; f != nil {
		return ticket.Identity{}, f, nil
	}
	if s.closed {
		return ticket.Identity{}, nil, sessionBusy
	}
	client := s.clientOf(ctx)
	if full, ok := s.places.Take(client); !ok {
		return ticket.Identity{}, nil, busy(full)
	}
	f := &flight{client: client, done: make(chan struct{})}
	s.flights[name] = f
	// It outlives the request of the first caller, and ends by its time-out.
	ctx = context.WithoutCancel(ctx)
	s.running.Go(func() { s.fly(ctx, f, name, cookies, now) })
	return ticket.Identity{}, f, nil
}

// fly asks the application, remembers an identity, and releases everybody who
// waits. A refusal is not remembered: it would outlast a login that keeps the
// cookie, and would not stop anybody who makes cookies up.
func (s *Sessions) fly(ctx context.Context, f *flight, name digest, cookies string, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if f.identity, f.err = s.ask(ctx, f.client, cookies, now); f.err == nil {
		valid := window{begins: now, ends: earlier(now.Add(vouchedFor), f.identity.ExpiresAt)}
		s.cache.put(name, &verified{identity: f.identity, valid: valid}, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, name)
	s.places.Free(f.client)
	close(f.done)
}

// ask waits for its turn and looks up the session. Times count from before the
// request, so that a slow answer makes nothing last longer.
func (s *Sessions) ask(ctx context.Context, client limit.Client, cookies string, now time.Time) (ticket.Identity, error) {
	if err := s.turns.take(ctx, client); err != nil {
		return ticket.Identity{}, err
	}
	defer s.turns.end(client)
	data, err := s.lookup.get(ctx, cookies)
	if err != nil {
		return ticket.Identity{}, err
	}
	answer, err := parseVouched(data)
	if err != nil {
		return ticket.Identity{}, err
	}
	end := now.Add(maxSession)
	if !answer.expires.IsZero() {
		end = earlier(end, answer.expires)
	}
	if !now.Before(end) {
		return ticket.Identity{}, refusedExpired
	}
	identity := ticket.Identity{
		Issuer: s.lookup.issuer, Subject: answer.subject, SessionID: answer.session,
		Claims: answer.claims, IssuedAt: now, ExpiresAt: end,
	}
	if s.keep {
		identity.Cookies = ticket.NewBearer(cookies)
	}
	return identity, nil
}

// Recheck asks the application once more whose session the cookies of an identity are,
// without what is remembered. A session that the application does not know (404) or
// does not let in (403) is over, too: the error wraps [ticket.ErrInvalidBearer] then.
func (s *Sessions) Recheck(ctx context.Context, cookies ticket.Bearer) (ticket.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	identity, err := s.ask(ctx, s.clientOf(ctx), cookies.Reveal(), s.now())
	for _, attr := range ticket.AttrsOf(err) {
		status := attr.Value
		if attr.Key == statusKey && (status.Int64() == http.StatusForbidden || status.Int64() == http.StatusNotFound) {
			err = ticket.WithAttrs(refusedSession, attr)
		}
	}
	if err != nil {
		return ticket.Identity{}, fmt.Errorf("recheck session: %w", err)
	}
	return identity, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Close begins no further lookup and returns when none is under way, which is
// after the time-out at the latest. Identities that are remembered are still
// returned.
func (s *Sessions) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	s.lookup.client.CloseIdleConnections()
}

// SessionStats are counts since NewSessions.
type SessionStats struct {
	CacheHits, CacheMisses uint64
	// CacheSize is the number of sessions that are remembered now.
	CacheSize int
}

// Stats returns the counts.
func (s *Sessions) Stats() SessionStats {
	hits, misses, size := s.cache.stats()
	return SessionStats{CacheHits: hits, CacheMisses: misses, CacheSize: size}
}
