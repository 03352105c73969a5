package ticket

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Issue makes a ticket for the identity that a bearer has proven. It lives
// for the configured time, or as long as the bearer if that is shorter.
//
// Scope may be narrower than the audience asks of the bearer: it says what the
// application is told, not who the ticket is for.
//
// The error wraps [ErrInvalidRequest], [ErrInsufficientScope] (the bearer does
// not permit the audience or scope), [ErrShortLived] (the bearer ends in less
// than 5 s), [ErrTooManyTickets] or [ErrUnavailable].
func (s *Service) Issue(ctx context.Context, req Request) (Ticket, error) {
	start := s.now()
	issued, err := s.issue(ctx, req, start)
	s.emit(ctx, Event{
		Action: ActionIssue, At: start, TicketID: issued.ID, Identity: req.Identity, Err: err,
		Presentation: Presentation{Audience: issued.Audience, Origin: req.Origin},
	})
	return issued, err
}

func (s *Service) issue(ctx context.Context, req Request, now time.Time) (Ticket, error) {
	grant, err := s.grantFor(req)
	if err != nil {
		return Ticket{}, fmt.Errorf("issue: %w", err)
	}
	lifetime, err := s.lifetime(req, now)
	if err != nil {
		return Ticket{}, fmt.Errorf("issue: %w", err)
	}
	token := newToken()
	id := token.ID()
	rec := Record{IssuedAt: now, ExpiresAt: now.Add(lifetime), Owner: s.sealer.tag(req.Identity)}
	grant.Issue = spanOf(RequestOf(ctx))
	if rec.Payload, err = s.sealGrant(token, id, rec, grant); err != nil {
		return Ticket{}, fmt.Errorf("issue: %w", err)
	}
	if err := s.pending.add(id, req.Identity, s.maxPending, now, rec.ExpiresAt); err != nil {
		return Ticket{}, fmt.Errorf("issue: %w", err)
	}
	if err := s.store.Create(ctx, id, rec, lifetime); err != nil {
		s.pending.end(id)
		return Ticket{}, fmt.Errorf("issue: %w", err)
	}
	return Ticket{
		Token: token, ID: id, Lifetime: lifetime, ExpiresAt: rec.ExpiresAt,
		ConnectionExpiresAt: grant.ConnectionExpiresAt, Audience: grant.Audience, Scope: grant.Scope,
	}, nil
}

func (s *Service) sealGrant(token Token, id ID, rec Record, grant Grant) ([]byte, error) {
	plain, err := encodePayload(grant)
	if err != nil {
		return nil, err
	}
	return s.sealer.seal(token, id, rec, plain)
}

// grantFor returns what a redemption will yield, without the ID.
func (s *Service) grantFor(req Request) (Grant, error) {
	if req.Identity.Issuer == "" || req.Identity.Subject == "" {
		return Grant{}, fmt.Errorf("identity names nobody: %w", ErrInvalidRequest)
	}
	audience, ok := s.audiences.Find(req.Audience)
	if !ok {
		err := WithAttrs(ErrInsufficientScope, slog.String("audience", req.Audience), Expected(s.audiences.Names()...))
		return Grant{}, fmt.Errorf("audience: %w", WithDetail(err, "audience: not one that this service has"))
	}
	if err := audience.Permit(req.Identity); err != nil {
		return Grant{}, err
	}
	scope, err := narrow(req.Identity.Scope, req.Scope)
	if err != nil {
		return Grant{}, err
	}
	return Grant{
		Identity: req.Identity, Audience: audience.Name, Scope: scope,
		Origin: req.Origin, ConnectionExpiresAt: req.Identity.ExpiresAt,
	}, nil
}

// lifetime returns the shorter of the TTL and the time until the bearer
// expires, without leeway: a ticket never outlives its bearer.
func (s *Service) lifetime(req Request, now time.Time) (time.Duration, error) {
	ttl := s.ttl
	if req.TTL != nil {
		if ttl = *req.TTL; ttl < minRequest || ttl > s.ttl {
			return 0, badTTL(ttl, s.ttl)
		}
	}
	left := req.Identity.ExpiresAt.Sub(now)
	if left < minLeft {
		return 0, WithAttrs(ErrShortLived, slog.String("left", left.String()), Expected(minLeft.String()+" or more"))
	}
	return min(ttl, left), nil
}

// badTTL returns the error of a lifetime that nobody gets.
func badTTL(ttl, longest time.Duration) error {
	detail := fmt.Sprintf("ttl: at most %d", longest/time.Second)
	if ttl < minRequest {
		detail = fmt.Sprintf("ttl: at least %d", minRequest/time.Second)
	}
	err := WithAttrs(ErrInvalidRequest, slog.String("ttl", ttl.String()), Expected(minRequest.String()+" to "+longest.String()))
	return fmt.Errorf("ttl: %w", WithDetail(err, detail))
}

// narrow returns the wanted scope if all of it was granted to the bearer, and
// the bearer's whole scope if none is wanted (RFC 6749 3.3).
func narrow(granted, wanted string) (string, error) {
	if wanted == "" {
		return granted, nil
	}
	owned := strings.Fields(granted)
	for part := range strings.SplitSeq(wanted, " ") {
		if !isScopeToken(part) {
			err := WithDetail(ErrInvalidRequest, "scope: must be words of visible ASCII without quotes, with one blank between them")
			return "", fmt.Errorf("scope: %w", err)
		}
		if !slices.Contains(owned, part) {
			err := WithAttrs(ErrInsufficientScope, slog.String("scope", part), Expected(owned...))
			return "", fmt.Errorf("scope: %w", WithDetail(err, "scope: wider than that of the bearer"))
		}
	}
	return wanted, nil
}

// isScopeToken reports whether s is a scope-token (RFC 6749 3.3).
func isScopeToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
