package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"wsticket/gate"
	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// consumed is the answer to POST /consume and, with Consumed, to POST
// /introspect. Empty fields are left out.
type consumed struct {
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

func consumedOf(g ticket.Grant) consumed {
	return consumed{
		Active: true, ID: g.ID,
		Issuer: g.Identity.Issuer, Subject: g.Identity.Subject, SessionID: g.Identity.SessionID,
		Audience: g.Audience, Scope: g.Scope, Claims: g.Identity.Claims,
		ConnectionExpiresAt: rfc3339(g.ConnectionExpiresAt),
	}
}

// consume serves POST /consume: it redeems a ticket for a backend that has a
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
		if token, fault := ticket.ParseToken(c.ticket); fault == nil {
			accesslog.NoteOf(r.Context()).TicketID = string(token.ID())
			s.o.Gate.Note(r.Context(), token, err)
		}
		return inactive(w, r, err, consumed{})
	}
	grant, err := s.redeem(requestContext(r, c.clientIP), c.ticket, p)
	if err != nil {
		return inactive(w, r, err, consumed{})
	}
	if s.o.Feeds != nil {
		if err := s.o.Feeds.Granted(r.Context(), by.name, grant, c.clientIP); err != nil {
			return err
		}
	}
	note := accesslog.NoteOf(r.Context())
	note.Issuer, note.Subject = grant.Identity.Issuer, grant.Identity.Subject
	done(r, "redeemed")
	writeJSON(w, http.StatusOK, consumedOf(grant))
	return nil
}

// inactive answers an error that is about the ticket, always with the same
// bytes. It returns any other error, and has answered nothing then.
func inactive(w http.ResponseWriter, r *http.Request, err error, answer consumed) error {
	refusal := refusals.Of(err)
	if refusal.Code != codeInvalidTicket && refusal.Code != codeOrigin {
		return err
	}
	note := accesslog.NoteOf(r.Context())
	note.Outcome, note.Reason, note.Attrs = refusal.Outcome, refusal.Reason, refusal.Attrs
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// redeem spends a ticket.
func (s *Server) redeem(ctx context.Context, text string, p ticket.Presentation) (ticket.Grant, error) {
	token, err := ticket.ParseToken(text)
	if err != nil {
		return ticket.Grant{}, err
	}
	accesslog.NoteOf(ctx).TicketID = string(token.ID())
	return s.o.Gate.Redeem(ctx, token, p)
}

// presentation returns the presentation to redeem the ticket with. It is called
// before the redemption, so that its errors spend no ticket. An audience that
// is not configured, or not the caller's, is a fault of the caller; a foreign origin
// is one of its client.
func (s *Server) presentation(c consumption, by keyholder) (ticket.Presentation, error) {
	p := ticket.Presentation{Door: ticket.DoorConsume, ClientIP: c.clientIP}
	var err error
	if p.Audience, err = s.consumedAudience(c.audience, by); err != nil {
		return p, err
	}
	if c.attempt != "" {
		// Neither two callers nor two clients of one caller share attempts.
		sender := by.name
		if c.clientIP.IsValid() {
			sender += " " + c.clientIP.String()
		}
		p.Attempt = gate.Attempt(c.attempt, sender)
	}
	if c.origin == "" {
		return p, nil
	}
	canonical, ok := s.o.Gate.AllowsOrigin(c.origin)
	if !ok {
		return p, s.o.Gate.WrongOrigin(c.origin)
	}
	p.Origin = canonical
	return p, nil
}

// consumedAudience returns the audience of a call of /consume: the one that it
// names, else the first one that is the caller's.
func (s *Server) consumedAudience(name string, by keyholder) (string, error) {
	all := s.o.Gate.Audiences()
	if name == "" {
		name = firstOf(all, by)
	}
	if name != "" && len(all) > 0 && !slices.Contains(all, name) {
		return "", ticket.WithAttrs(badMember("audience", "not one that this service has"), slog.String("audience", name), ticket.Expected(all...))
	}
	if !by.mayHave(name) {
		return "", otherAudience(by, name)
	}
	return name, nil
}

// firstOf returns the first audience that is a caller's, else the first one.
func firstOf(all []string, by keyholder) string {
	if i := slices.IndexFunc(all, by.mayHave); i >= 0 {
		return all[i]
	}
	if len(all) > 0 {
		return all[0]
	}
	return ""
}

// consumption is the body of POST /consume.
type consumption struct {
	ticket, attempt, audience, origin string
	clientIP                          netip.Addr
}

// decodeConsume returns what the body asks for.
func decodeConsume(data []byte) (c consumption, err error) {
	err = decode(data,
		textMember("ticket", &c.ticket),
		member{"attempt", "must be 1 to 64 visible characters of ASCII", func(value json.RawMessage) (good bool) {
			c.attempt, good = text(value)
			return good && isAttempt(c.attempt)
		}},
		textMember("audience", &c.audience), textMember("origin", &c.origin),
		member{"client_ip", "must be an IP address without port and zone", func(value json.RawMessage) bool {
			said, good := text(value)
			if good {
				c.clientIP, good = address(said)
			}
			return good
		}},
	)
	if err == nil && c.ticket == "" {
		err = badMember("ticket", "required")
	}
	return c, err
}

// isAttempt reports whether s is printable ASCII without blanks, of at most
// [ticket.MaxAttempt] bytes.
func isAttempt(s string) bool {
	return len(s) <= ticket.MaxAttempt && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// address returns the IP address in s, and reports whether it is one without a
// zone. An IPv4 address is not in its IPv6-mapped form.
func address(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil && addr.Zone() == ""
}
