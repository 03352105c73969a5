package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"wsticket/internal/accesslog"
	"wsticket/internal/handshake"
	"wsticket/internal/strictjson"
	"wsticket/ticket"
)

// verdict is the answer to POST /consume and, with Consumed, to POST
// /introspect. What there is none of is left out.
type verdict struct {
	Active              bool           `json:"active"`
	Consumed            *bool          `json:"consumed,omitempty"`
	ID                  ticket.ID      `json:"ticket_id,omitempty"`
	Issuer              string         `json:"iss,omitempty"`
	Subject             string         `json:"sub,omitempty"`
	SessionID           string         `json:"sid,omitempty"`
	Audience            string         `json:"aud,omitempty"`
	Scope               string         `json:"scope,omitempty"`
	Claims              map[string]any `json:"claims,omitempty"`
	ConnectionExpiresAt string         `json:"connection_expires_at,omitempty"`
}

func verdictOf(g ticket.Grant) verdict {
	return verdict{
		Active: true, ID: g.ID,
		Issuer: g.Identity.Issuer, Subject: g.Identity.Subject, SessionID: g.Identity.SessionID,
		Audience: g.Audience, Scope: g.Scope, Claims: g.Identity.Claims,
		ConnectionExpiresAt: stamp(g.ConnectionExpiresAt),
	}
}

// consume serves POST /consume: it redeems on behalf of a backend that has a
// WebSocket server of its own.
func (s *Server) consume(w http.ResponseWriter, r *http.Request, by keyholder) error {
	data, err := readBody(w, r, typeJSON)
	if err != nil {
		return err
	}
	c, err := decodeConsume(data)
	if err != nil {
		return err
	}
	p, err := s.presentation(c, by)
	if err != nil {
		return inactive(w, r, err, verdict{})
	}
	grant, err := s.redeem(r.Context(), c.ticket, p)
	if err != nil {
		return inactive(w, r, err, verdict{})
	}
	done(r, "redeemed")
	writeJSON(w, http.StatusOK, verdictOf(grant))
	return nil
}

// inactive is the one answer to every refusal of a ticket. It returns what is
// no such refusal.
func inactive(w http.ResponseWriter, r *http.Request, err error, v verdict) error {
	if !errors.Is(err, errWrongTicket) && !errors.Is(err, errOrigin) {
		return err
	}
	note := accesslog.NoteOf(r.Context())
	note.Outcome, note.Reason = "refused", ticket.Reason(err)
	writeJSON(w, http.StatusOK, v)
	return nil
}

// redeem spends the ticket that text is.
func (s *Server) redeem(ctx context.Context, text string, p ticket.Presentation) (ticket.Grant, error) {
	token, err := ticket.ParseToken(text)
	if err != nil {
		return ticket.Grant{}, presented(err)
	}
	accesslog.NoteOf(ctx).TicketID = string(token.ID())
	grant, err := s.o.Redeemer.Redeem(ctx, token, p)
	return grant, presented(err)
}

// presentation is judged before the ticket is touched. The audience that the
// caller does not serve, like an attempt that is none, is the caller's own
// fault; a foreign origin is its client's.
func (s *Server) presentation(c consumption, by keyholder) (ticket.Presentation, error) {
	p := ticket.Presentation{Transport: "consume", Audience: c.audience, ClientIP: c.clientIP}
	if c.audience != "" && !slices.Contains(s.o.Audiences, c.audience) {
		return p, fmt.Errorf("audience: %w", ticket.ErrInvalidRequest)
	}
	if c.attempt != "" {
		// One caller's attempt is not another's.
		p.Attempt = handshake.Attempt(c.attempt, by.name)
	}
	if c.origin == "" {
		return p, nil
	}
	canonical, ok := s.o.Origins.Allows(c.origin)
	if !ok {
		return p, errOrigin
	}
	p.Origin = canonical
	return p, nil
}

// consumption is the body of POST /consume.
type consumption struct {
	ticket, attempt, audience, origin string
	clientIP                          netip.Addr
}

// decodeConsume reads the body. A field that is there must say something.
func decodeConsume(data []byte) (consumption, error) {
	fields, err := strictjson.Members(data, 1)
	if err != nil {
		return consumption{}, fmt.Errorf("body: %w", ticket.ErrInvalidRequest)
	}
	var c consumption
	for name, value := range fields {
		said, good := text(value)
		switch name {
		case "ticket":
			c.ticket = said
		case "attempt":
			c.attempt, good = said, good && isAttempt(said)
		case "audience":
			c.audience = said
		case "origin":
			c.origin = said
		case "client_ip":
			c.clientIP, good = address(said)
		default:
			good = false
		}
		if !good {
			return consumption{}, fmt.Errorf("body: field: %w", ticket.ErrInvalidRequest)
		}
	}
	if c.ticket == "" {
		return consumption{}, fmt.Errorf("body: no ticket: %w", ticket.ErrInvalidRequest)
	}
	return c, nil
}

// isAttempt accepts what prints: letters, digits and signs of ASCII.
func isAttempt(s string) bool {
	return len(s) <= ticket.MaxAttempt && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

func address(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil && addr.Zone() == ""
}
