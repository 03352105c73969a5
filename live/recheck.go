package live

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"wsticket/ticket"
)

const (
	// recheckTurns bounds the sessions that are asked about at once.
	recheckTurns = 8
	// recheckTimeout bounds one question.
	recheckTimeout = 5 * time.Second
	// maxRecheckTick is the longest time between two looks for sessions that are due.
	maxRecheckTick = time.Second
)

// The outcomes of an [ticket.EventRecheck].
const (
	OutcomeKept        = "kept"
	OutcomeOver        = "over"
	OutcomeUnavailable = "unavailable"
)

// Sessions says whose session cookies are, now and not a moment ago. The Sessions of
// package auth are one. The error wraps [ticket.ErrInvalidBearer] if the session is
// over; after any other one nothing is known.
type Sessions interface {
	Recheck(ctx context.Context, cookies ticket.Bearer) (ticket.Identity, error)
}

// rechecks are the sessions of connections. Connections with the same cookies share an
// entry, which is asked about once.
type rechecks struct {
	mu        sync.Mutex
	byCookies map[string]*session
	of        map[*Connection]*session
	// failingSince is when the application stopped to answer, zero if it answers.
	failingSince time.Time
}

// session is one that connections were opened with.
type session struct {
	cookies ticket.Bearer
	open    map[*Connection]struct{}
	due     time.Time
}

func newRechecks() *rechecks {
	return &rechecks{byCookies: make(map[string]*session), of: make(map[*Connection]*session)}
}

// set notes the session of a connection, in place of the last one.
func (s *rechecks) set(c *Connection, cookies ticket.Bearer, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(c)
	entry := s.byCookies[cookies.Reveal()]
	if entry == nil {
		entry = &session{cookies: cookies, open: make(map[*Connection]struct{}), due: due}
		s.byCookies[cookies.Reveal()] = entry
	}
	entry.open[c] = struct{}{}
	s.of[c] = entry
}

func (s *rechecks) remove(c *Connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(c)
}

func (s *rechecks) removeLocked(c *Connection) {
	entry := s.of[c]
	if entry == nil {
		return
	}
	delete(s.of, c)
	if delete(entry.open, c); len(entry.open) == 0 {
		delete(s.byCookies, entry.cookies.Reveal())
	}
}

// take returns the sessions that are due, which next makes due again.
func (s *rechecks) take(now time.Time, next func() time.Time) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []*session
	for _, entry := range s.byCookies {
		if !now.Before(entry.due) {
			entry.due = next()
			due = append(due, entry)
		}
	}
	return due
}

// connections lists those of a session, of all sessions if it is nil.
func (s *rechecks) connections(entry *session) []*Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entry == nil {
		return slices.Collect(maps.Keys(s.of))
	}
	return slices.Collect(maps.Keys(entry.open))
}

// answered notes whether the application has answered, and returns for how long it has
// not.
func (s *rechecks) answered(ok bool, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ok:
		s.failingSince = time.Time{}
	case s.failingSince.IsZero():
		s.failingSince = now
	}
	if s.failingSince.IsZero() {
		return 0
	}
	return now.Sub(s.failingSince)
}

// keepSession notes the session of a connection, if it is to be looked at again.
func (r *Registry) keepSession(c *Connection, cookies ticket.Bearer) {
	if cookies.IsZero() || r.o.Sessions == nil {
		return
	}
	r.sessions.set(c, cookies, r.nextRecheck())
	// It may have been removed since, and nobody removes it again.
	if !slices.Contains(r.matching(ticket.Selector{TicketID: r.grantOf(c).ID}), c) {
		r.sessions.remove(c)
	}
}

// nextRecheck is when a session is asked about again: after half of the interval to
// all of it, so that sessions which began together are not asked about together.
func (r *Registry) nextRecheck() time.Time {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	half := r.o.Recheck / 2
	part := float64(binary.NativeEndian.Uint32(random[:])) / math.MaxUint32
	return time.Now().Add(half + time.Duration(part*float64(half)))
}

// RecheckSessions asks Options.Sessions about the session of every connection that has
// one, each in an interval of Options.Recheck at the latest, and ends with
// [ticket.EndRecheck] those whose session is over, is another user's, or no longer has
// what was granted. It returns when ctx ends.
func (r *Registry) RecheckSessions(ctx context.Context) {
	if r.o.Sessions == nil || r.o.Recheck <= 0 {
		return
	}
	ticker := time.NewTicker(min(maxRecheckTick, r.o.Recheck/4+1))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		r.recheckAll(ctx, r.sessions.take(time.Now(), r.nextRecheck))
	}
}

// recheckAll asks about sessions, a few at once.
func (r *Registry) recheckAll(ctx context.Context, due []*session) {
	turns := make(chan struct{}, recheckTurns)
	var asking sync.WaitGroup
	defer asking.Wait()
	for _, entry := range due {
		select {
		case <-ctx.Done():
			return
		case turns <- struct{}{}:
		}
		asking.Go(func() {
			defer func() { <-turns }()
			r.recheck(ctx, entry)
		})
	}
}

func (r *Registry) recheck(ctx context.Context, entry *session) {
	start := r.o.Now()
	asking, cancel := context.WithTimeout(ctx, recheckTimeout)
	who, err := r.o.Sessions.Recheck(asking, entry.cookies)
	cancel()
	if ctx.Err() != nil {
		return
	}
	over := errors.Is(err, ticket.ErrInvalidBearer)
	failing := r.sessions.answered(err == nil || over, time.Now())
	if err != nil && !over {
		if r.o.MaxStale > 0 && failing > r.o.MaxStale {
			entry = nil // nothing is known of any of them
			over = true
		}
	}
	for _, c := range r.sessions.connections(entry) {
		r.rechecked(ctx, c, who, err, over, start)
	}
}

// rechecked ends a connection if its session is over, or not the same any more.
func (r *Registry) rechecked(ctx context.Context, c *Connection, who ticket.Identity, err error, over bool, start time.Time) {
	had := r.grantOf(c)
	switch {
	case err != nil:
	case who.Issuer != had.Identity.Issuer || who.Subject != had.Identity.Subject:
		err, over = errOtherUser, true
	default:
		err = r.permit(had, who)
		over = err != nil
	}
	outcome := OutcomeKept
	if over {
		outcome = OutcomeOver
		c.End(ticket.EndRecheck)
	} else if err != nil {
		outcome = OutcomeUnavailable
	}
	r.emit(ctx, c, ticket.Event{
		Kind: ticket.EventRecheck, Action: ticket.ActionAuthenticate, At: start, Duration: r.o.Now().Sub(start),
		Outcome: outcome, Attrs: append(ticket.AttrsOf(err), slog.String("cause", ticket.Reason(err))), Err: err,
	})
}

// otherUser is an [ticket.ErrInvalidBearer] of a session that changed hands.
type otherUser struct{}

func (otherUser) Error() string  { return "session is another user's" }
func (otherUser) Reason() string { return "session_user" }
func (otherUser) Unwrap() error  { return ticket.ErrInvalidBearer }

var errOtherUser error = otherUser{}
