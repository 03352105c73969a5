package auth

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"wsticket/ticket"
)

// LogoutWindow is how old a logout token may be by its iat.
const LogoutWindow = 5 * time.Minute

// LogoutTokenType is the typ of logout tokens (OpenID Connect Back-Channel Logout 1.0, 2.4).
const LogoutTokenType = "logout+jwt"

// logoutEvent is the member of events that makes a token a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// The values of [LogoutOptions].Match.
const (
	MatchSession          = "sid"
	MatchSubject          = "sub"
	MatchSessionOrSubject = "sid_or_sub"
)

// LogoutOptions say whether and how an issuer logs users out by logout tokens (OpenID
// Connect Back-Channel Logout 1.0). The zero value takes none.
type LogoutOptions struct {
	// ClientIDs are the clients that users of this service sign in with: the claim aud
	// of a logout token holds one of them, byte for byte. It is not the Audience of
	// access tokens. Default: none, so that all logout tokens of the issuer are refused.
	ClientIDs []string
	// Match says what a token ends: [MatchSession] the session of its sid,
	// [MatchSubject] all sessions of its sub, [MatchSessionOrSubject] the session of its
	// sid, or all sessions of its sub if it has no sid. Keycloak sends the sid of one
	// session also where all are logged out, and many access tokens have no sid: such
	// issuers need MatchSubject. Default: MatchSessionOrSubject.
	Match string
	// AnyType also accepts the typ JWT and none, which some providers send. What marks
	// the token then is its claim events. Default: [LogoutTokenType] alone.
	AnyType bool
}

// validate adds the faults of o, whose defaults are filled in.
func (o LogoutOptions) validate(f *ticket.OptionErrors, field string, names ClaimNames) {
	f.Check(!slices.Contains(o.ClientIDs, ""), field+".ClientIDs", "must not contain an empty name")
	f.Check(slices.Contains([]string{MatchSession, MatchSubject, MatchSessionOrSubject}, o.Match), field+".Match",
		"must be one of %s, %s, %s (got %q)", MatchSession, MatchSubject, MatchSessionOrSubject, o.Match)
	// The sub of a logout token is no other claim of an access token.
	f.Check(len(o.ClientIDs) == 0 || o.Match == MatchSession || names.Subject == "sub", field+".Match",
		"must be %s where another claim than sub names the user (got %s)", MatchSession, o.Match)
}

// Logout verifies a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6) and
// returns what it asks for. Whether the token was used before is for the caller to say.
// The error wraps [ticket.ErrInvalidBearer], or [ticket.ErrUnavailable] where the
// issuer's keys are missing; [ticket.AttrsOf] says what did not fit.
func (v *Verifier) Logout(ctx context.Context, text string) (ticket.Logout, error) {
	t, c, err := parse(text)
	if err != nil {
		return ticket.Logout{}, fmt.Errorf("logout token: %w", err)
	}
	i, ok := v.issuers[c.issuer()]
	if !ok {
		return ticket.Logout{}, fmt.Errorf("logout token: %w", otherIssuer(c, slices.Sorted(maps.Keys(v.issuers))))
	}
	out, err := v.logoutFor(ctx, i, t, c)
	if err != nil {
		return ticket.Logout{}, fmt.Errorf("logout token: %w", ticket.WithAttrs(err, slog.String("issuer", i.name)))
	}
	return out, nil
}

// logoutFor verifies a logout token that names the issuer.
func (v *Verifier) logoutFor(ctx context.Context, i *issuer, t token, c claims) (ticket.Logout, error) {
	if len(i.logout.ClientIDs) == 0 { // before its signature costs anything
		return ticket.Logout{}, ticket.WithAttrs(refusedAudience, slog.String("fault", "no client_ids of logout tokens are configured for the issuer"))
	}
	alg, err := i.checkHeader(&t, i.logout.types())
	if err != nil {
		return ticket.Logout{}, err
	}
	if _, err := i.checkSignature(ctx, t, alg, v.now()); err != nil {
		return ticket.Logout{}, err
	}
	return i.logoutIn(c, v.now())
}

// types are the accepted typ headers.
func (o LogoutOptions) types() []string {
	if o.AnyType {
		return []string{LogoutTokenType, plainType, ""}
	}
	return []string{LogoutTokenType}
}

// logoutIn reads the claims of a logout token whose signature was verified.
func (i *issuer) logoutIn(c claims, now time.Time) (ticket.Logout, error) {
	if err := c.checkSpelling(nil); err != nil {
		return ticket.Logout{}, err
	}
	if err := c.checkLogoutEvent(); err != nil {
		return ticket.Logout{}, err
	}
	if err := c.checkAud(i.logout.ClientIDs); err != nil {
		return ticket.Logout{}, err
	}
	out, err := ticket.Logout{}, error(nil)
	if out.IssuedAt, err = i.logoutDate(c, now); err != nil {
		return ticket.Logout{}, err
	}
	if out.TokenID, err = c.text("jti"); err != nil || out.TokenID == "" {
		return ticket.Logout{}, wrongClaim("jti")
	}
	out.UsableUntil = out.IssuedAt.Add(LogoutWindow)
	out.Who, err = i.logoutSelector(c)
	return out, err
}

// checkAud requires that the aud of a logout token or security event holds one of the
// accepted, byte for byte.
func (c claims) checkAud(accepted []string) error {
	audience, err := c.texts("aud")
	if err != nil || slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(accepted, a) }) {
		return err
	}
	return ticket.WithAttrs(refusedAudience, slog.String("claim", "aud"),
		slog.String("audience", strings.Join(audience, " ")), ticket.Expected(accepted...))
}

// checkLogoutEvent requires the claim events of a logout token, and refuses a nonce,
// which is of an ID token (2.4).
func (c claims) checkLogoutEvent() error {
	if _, present := c["nonce"]; present {
		return ticket.WithAttrs(refusedType, slog.String("claim", "nonce"))
	}
	events, _ := c["events"].(map[string]any)
	if _, ok := events[logoutEvent].(map[string]any); !ok {
		return ticket.WithAttrs(refusedType, slog.String("claim", "events"), ticket.Expected(logoutEvent))
	}
	return nil
}

// logoutDate returns the iat, which must be within [LogoutWindow]. Some providers send
// no exp; one that is there counts.
func (i *issuer) logoutDate(c claims, now time.Time) (time.Time, error) {
	iat, err := i.recent(c, now, LogoutWindow)
	if err != nil {
		return time.Time{}, err
	}
	exp, present, err := c.date("exp")
	if err == nil && present && !now.Before(exp) {
		err = ticket.WithAttrs(refusedExpired, slog.String("claim", "exp"), slog.Time("exp", exp))
	}
	return iat, err
}

// recent returns the iat of a token, which must be within window and not in the future.
func (i *issuer) recent(c claims, now time.Time, window time.Duration) (time.Time, error) {
	iat, err := c.required("iat")
	switch {
	case err != nil:
		return time.Time{}, err
	case iat.After(now.Add(i.leeway)):
		return time.Time{}, ticket.WithAttrs(refusedNotYetValid, slog.String("claim", "iat"), slog.Time("iat", iat))
	case now.Sub(iat) >= window:
		return time.Time{}, ticket.WithAttrs(refusedExpired, slog.String("claim", "iat"), slog.Time("iat", iat), ticket.Expected("at most "+window.String()+" ago"))
	}
	return iat, nil
}

// logoutSelector returns whom the token is about, as the Match of the issuer says.
func (i *issuer) logoutSelector(c claims) (ticket.Selector, error) {
	session, err := c.text("sid")
	if err != nil {
		return ticket.Selector{}, err
	}
	subject, err := c.text("sub")
	switch match := i.logout.Match; {
	case err != nil:
		return ticket.Selector{}, err
	case session != "" && match != MatchSubject:
		return ticket.Selector{Issuer: i.name, SessionID: session}, nil
	case subject != "" && match != MatchSession:
		return ticket.Selector{Issuer: i.name, Subject: subject}, nil
	default:
		return ticket.Selector{}, ticket.WithAttrs(refusedSubject, slog.String("match", match),
			slog.Bool("sid", session != ""), slog.Bool("sub", subject != ""))
	}
}
