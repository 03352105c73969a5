package auth

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"wsticket/internal/printable"
	"wsticket/ticket"
)

// SecurityEventWindow is how old a security event may be by its iat.
const SecurityEventWindow = 5 * time.Minute

// SecurityEventType is the typ of security events (RFC 8417 2.3).
const SecurityEventType = "secevent+jwt"

// eventActions are the events that change something (OpenID CAEP 1.0, 3).
var eventActions = map[string]ticket.RevocationAction{
	"https://schemas.openid.net/secevent/caep/event-type/session-revoked":     ticket.RevokeEnd,
	"https://schemas.openid.net/secevent/caep/event-type/credential-change":   ticket.RevokeRecheck,
	"https://schemas.openid.net/secevent/caep/event-type/token-claims-change": ticket.RevokeRecheck,
}

// EventOptions say whether and how an issuer sends security events (OpenID SSF 1.0).
// The zero value takes none.
type EventOptions struct {
	// Audience are the names of this receiver: the claim aud of an event holds one of
	// them, byte for byte. Default: none, so that all events of the issuer are refused.
	Audience []string
	// OpaqueSession says that the opaque id of a session in a subject is the session
	// of access tokens. Default: it is not, and an event about a session of a user is
	// about all sessions of the user.
	OpaqueSession bool
}

// validate adds the faults of o.
func (o EventOptions) validate(f *ticket.OptionErrors, field string, names ClaimNames) {
	f.Check(!slices.Contains(o.Audience, ""), field+".Audience", "must not contain an empty name")
	// The sub of an event is no other claim of an access token.
	f.Check(len(o.Audience) == 0 || names.Subject == "sub", field+".Audience",
		"must be empty where another claim than sub names the user (%s): events name users by their sub", names.Subject)
}

// SecurityEvent verifies a security event token (RFC 8417, OpenID SSF 1.0, 4.1) and
// returns what it asks for. Whether the token was used before is for the caller to say.
// The error wraps [ticket.ErrInvalidBearer], or [ticket.ErrUnavailable] where the
// issuer's keys are missing; [ticket.AttrsOf] says what did not fit.
func (v *Verifier) SecurityEvent(ctx context.Context, text string) (ticket.SecurityEvent, error) {
	t, c, err := parse(text)
	if err != nil {
		return ticket.SecurityEvent{}, fmt.Errorf("security event: %w", err)
	}
	i, ok := v.issuers[c.issuer()]
	if !ok {
		return ticket.SecurityEvent{}, fmt.Errorf("security event: %w", otherIssuer(c, slices.Sorted(maps.Keys(v.issuers))))
	}
	out, err := v.eventFor(ctx, i, t, c)
	if err != nil {
		return ticket.SecurityEvent{}, fmt.Errorf("security event: %w", ticket.WithAttrs(err, slog.String("issuer", i.name)))
	}
	return out, nil
}

// eventFor verifies a security event that names the issuer.
func (v *Verifier) eventFor(ctx context.Context, i *issuer, t token, c claims) (ticket.SecurityEvent, error) {
	if len(i.events.Audience) == 0 { // before its signature costs anything
		return ticket.SecurityEvent{}, ticket.WithAttrs(refusedAudience, slog.String("fault", "no events.audience is configured for the issuer"))
	}
	alg, err := i.checkHeader(&t, []string{SecurityEventType})
	if err != nil {
		return ticket.SecurityEvent{}, err
	}
	if _, err := i.checkSignature(ctx, t, alg, v.now()); err != nil {
		return ticket.SecurityEvent{}, err
	}
	return i.eventIn(c, v.now())
}

// eventIn reads the claims of a security event whose signature was verified.
func (i *issuer) eventIn(c claims, now time.Time) (ticket.SecurityEvent, error) {
	if err := c.checkEventShape(); err != nil {
		return ticket.SecurityEvent{}, err
	}
	if err := c.checkAud(i.events.Audience); err != nil {
		return ticket.SecurityEvent{}, err
	}
	iat, err := i.recent(c, now, SecurityEventWindow)
	if err != nil {
		return ticket.SecurityEvent{}, err
	}
	out := ticket.SecurityEvent{Issuer: i.name, Before: iat, UsableUntil: iat.Add(SecurityEventWindow)}
	if out.TokenID, err = c.text("jti"); err != nil || out.TokenID == "" {
		return ticket.SecurityEvent{}, wrongClaim("jti")
	}
	var event claims
	if out.Type, event, err = c.event(); err != nil {
		return ticket.SecurityEvent{}, err
	}
	if out.Action = eventActions[out.Type]; out.Action == "" {
		return out, nil
	}
	at, present, err := event.date("event_timestamp")
	if err != nil {
		return ticket.SecurityEvent{}, err
	}
	if present && !at.After(now) {
		out.Before = at
	}
	out.Who, err = i.eventSelector(c, event)
	return out, err
}

// checkEventShape refuses what a security event must not have, so that nobody takes it
// for another token (OpenID SSF 1.0, 4.1.5 and 4.1.6).
func (c claims) checkEventShape() error {
	if err := c.checkSpelling([]string{"sub_id"}); err != nil {
		return err
	}
	for _, name := range []string{"exp", "sub"} {
		if _, present := c[name]; present {
			return ticket.WithAttrs(refusedType, slog.String("claim", name), ticket.Expected("no "+name))
		}
	}
	return nil
}

// event returns the only event of a token, and its type.
func (c claims) event() (string, claims, error) {
	events, _ := c["events"].(map[string]any)
	if len(events) == 1 {
		for kind, value := range events {
			if event, ok := value.(map[string]any); ok && printable.IsName(kind) {
				return kind, event, nil
			}
		}
	}
	return "", nil, ticket.WithAttrs(refusedType, slog.String("claim", "events"), ticket.Expected("one event, which is an object"))
}

// wrongSubject refuses the subject of an event.
func wrongSubject(fault string) error {
	return ticket.WithAttrs(refusedSubject, slog.String("fault", fault))
}

// eventSelector returns whom an event is about: by the claim sub_id, or the member
// subject of the event as drafts of the standard had it.
func (i *issuer) eventSelector(c, event claims) (ticket.Selector, error) {
	value, present := c["sub_id"]
	old, inside := event["subject"]
	if present == inside {
		return ticket.Selector{}, wrongSubject("either sub_id or the older subject inside the event must be there")
	}
	if inside {
		value = old
	}
	subject, ok := value.(map[string]any)
	if !ok {
		return ticket.Selector{}, wrongSubject("must be an object")
	}
	format := subject["format"]
	if inside && format == nil {
		format = "complex" // drafts did not name it
	}
	switch format {
	case "iss_sub":
		return i.issSub(subject)
	case "complex":
		return i.complexSubject(subject)
	default:
		return ticket.Selector{}, wrongSubject("the format must be iss_sub or complex")
	}
}

// complexSubject reads a complex subject. Its absent members are wildcards (OpenID SSF
// 1.0, 3.5), so that one without a user and a session would be about everybody.
func (i *issuer) complexSubject(subject claims) (who ticket.Selector, err error) {
	user, ofUser := subject["user"]
	if ofUser {
		member, _ := user.(map[string]any)
		if member["format"] != "iss_sub" {
			return ticket.Selector{}, wrongSubject("the format of user must be iss_sub")
		}
		if who, err = i.issSub(member); err != nil {
			return ticket.Selector{}, err
		}
	}
	value, ofSession := subject["session"]
	switch {
	case ofSession && i.events.OpaqueSession:
		session, _ := value.(map[string]any)
		id, err := claims(session).text("id")
		if session["format"] != "opaque" || err != nil || id == "" {
			return ticket.Selector{}, wrongSubject("session must have the format opaque and an id")
		}
		return ticket.Selector{Issuer: i.name, SessionID: id}, nil
	case ofUser:
		return who, nil
	case ofSession:
		return ticket.Selector{}, wrongSubject("a session without a user needs opaque_session")
	default:
		return ticket.Selector{}, wrongSubject("a complex subject must name a user or a session: what is absent is a wildcard")
	}
}

// issSub reads a subject of the format iss_sub (RFC 9493 3.2.3).
func (i *issuer) issSub(subject claims) (ticket.Selector, error) {
	if subject.issuer() != i.name {
		return ticket.Selector{}, wrongSubject("the iss of the subject must be the issuer")
	}
	name, err := subject.text("sub")
	if err != nil || name == "" {
		return ticket.Selector{}, wrongSubject("the sub of the subject must be a name")
	}
	return ticket.Selector{Issuer: i.name, Subject: name}, nil
}
