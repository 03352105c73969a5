package ticket

import (
	"context"
	"time"
)

// RevocationAction says what becomes of the connections that a [Revocation] matches.
type RevocationAction string

// The actions of a [Revocation].
const (
	// RevokeEnd ends them with [EndRevoked]: the client stops.
	RevokeEnd RevocationAction = "end"
	// RevokeRecheck ends them with [EndRecheck]: the client shows a fresh bearer, and
	// issuing is the judge.
	RevokeRecheck RevocationAction = "recheck"
	// RevokeReplace ends them with [EndDisplaced]: a newer connection took their
	// place. It is for TicketID alone.
	RevokeReplace RevocationAction = "replace"
)

// Ending returns how the action ends a connection.
func (a RevocationAction) Ending() Ending {
	switch a {
	case RevokeRecheck:
		return EndRecheck
	case RevokeReplace:
		return EndDisplaced
	default:
		return EndRevoked
	}
}

// Selector names what is revoked, in one of five ways: a ticket or connection by
// TicketID alone; or, together with Issuer, a bearer by TokenID (its jti), a session by
// SessionID (its sid), a user by Subject, or everybody of the issuer if all of these
// are empty.
type Selector struct {
	Issuer    string `json:"iss,omitempty"`
	Subject   string `json:"sub,omitempty"`
	SessionID string `json:"sid,omitempty"`
	TokenID   string `json:"jti,omitempty"`
	TicketID  ID     `json:"ticket_id,omitempty"`
}

// Kind says in a word what is named: "ticket", "jti", "sid", "sub" or "iss".
func (s Selector) Kind() string {
	switch {
	case s.TicketID != "":
		return "ticket"
	case s.TokenID != "":
		return "jti"
	case s.SessionID != "":
		return "sid"
	case s.Subject != "":
		return "sub"
	default:
		return "iss"
	}
}

// SelectorsOf returns the selectors that match a grant, at most five. A selector is
// comparable, so that they can be keys of a map.
func SelectorsOf(g Grant) []Selector {
	// It is so short that it is inlined, and its callers need no allocation.
	return appendSelectors(make([]Selector, 0, 5), &g)
}

func appendSelectors(all []Selector, g *Grant) []Selector {
	who := &g.Identity
	if g.ID != "" {
		all = append(all, Selector{TicketID: g.ID})
	}
	if who.Issuer == "" {
		return all
	}
	if who.Subject != "" {
		all = append(all, Selector{Issuer: who.Issuer, Subject: who.Subject})
	}
	if who.SessionID != "" {
		all = append(all, Selector{Issuer: who.Issuer, SessionID: who.SessionID})
	}
	if who.TokenID != "" {
		all = append(all, Selector{Issuer: who.Issuer, TokenID: who.TokenID})
	}
	return append(all, Selector{Issuer: who.Issuer})
}

// Revocation voids whatever was obtained by a bearer, session, user or issuer before
// a time.
type Revocation struct {
	// ID names it, so that a process that gets it twice knows.
	ID string `json:"id"`
	Selector
	// Before: bearers whose iat is not later are void, and those that have none. It
	// is by the clock of the issuer. A TicketID is void whatever its bearer.
	Before time.Time        `json:"before"`
	Action RevocationAction `json:"action"`
	// Reason is for logs: what the caller says.
	Reason string `json:"reason,omitempty"`
	// Source says who asked: "api", "backchannel_logout", "security_event",
	// "replay", "session", "cap".
	Source string `json:"source,omitempty"`
	// At is when it was made. At ExpiresAt nothing that it matches is alive.
	At        time.Time `json:"at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Names reports whether the selector names a grant.
func (s Selector) Names(g Grant) bool {
	if s.TicketID != "" {
		return s.TicketID == g.ID
	}
	who := g.Identity
	return s.Issuer == who.Issuer && (s.Subject == "" || s.Subject == who.Subject) &&
		(s.SessionID == "" || s.SessionID == who.SessionID) && (s.TokenID == "" || s.TokenID == who.TokenID)
}

// Matches reports whether the revocation voids a grant.
func (r Revocation) Matches(g Grant) bool {
	return r.Names(g) && (r.TicketID != "" || g.Identity.IssuedAt.IsZero() || !g.Identity.IssuedAt.After(r.Before))
}

// Revocations says what is revoked. The registry of package live is one. Its methods
// are safe for concurrent use.
type Revocations interface {
	// Check returns nil if no revocation voids the grant. Otherwise the error wraps
	// [ErrBearerRevoked], or [ErrUnavailable] if that cannot be known: what the grant's Head
	// names was not read yet and cannot be read in time. Only Identity is set for a
	// bearer.
	Check(ctx context.Context, g Grant) error
}

// noRevocations are the [Revocations] of a service that has none.
type noRevocations struct{}

// Check implements [Revocations].
func (noRevocations) Check(context.Context, Grant) error { return nil }
