package auth

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"wsticket/ticket"
)

// issuer is one issuer's configuration with its keys.
type issuer struct {
	name        string
	audience    []string
	algorithms  map[string]algorithm
	typ         string // "": at+jwt, JWT or none
	names       ClaimNames
	profile     string // "": none
	maxLifetime time.Duration
	leeway      time.Duration
	claims      []string
	logout      LogoutOptions
	events      EventOptions
	keys        keySource
	// field is its place in the Options, and source that of its keys.
	field, source string
}

// window is the time in which a bearer that was verified is valid, without
// leeway at the end, which is its exp.
type window struct{ begins, ends time.Time }

// checkHeader reads the header of the token, and refuses it by what that says. types
// are the accepted ones.
func (i *issuer) checkHeader(t *token, types []string) (alg algorithm, err error) {
	if t.header, err = parseHeader(t.members); err != nil {
		return algorithm{}, err
	}
	if err := checkType(t.header.typ, types); err != nil {
		return algorithm{}, err
	}
	alg, ok := i.algorithms[t.header.alg]
	if !ok {
		allowed := slices.Sorted(maps.Keys(i.algorithms))
		err = ticket.WithAttrs(refusedAlgorithm, slog.String("alg", t.header.alg), ticket.Expected(allowed...))
	}
	return alg, err
}

// checkSignature verifies that the token is of this issuer, and returns the key
// set that verified it. It may wait for keys; see [remoteKeys.renew].
func (i *issuer) checkSignature(ctx context.Context, t token, alg algorithm, now time.Time) (*keySet, error) {
	set, err := verifyWith(ctx, i.keys, t, t.header.kid, alg, now)
	if err == nil {
		return set, nil
	}
	attrs := []slog.Attr{slog.String("alg", t.header.alg), slog.String("kid", t.header.kid)}
	if errors.Is(err, refusedKeyUnknown) || errors.Is(err, refusedKeyAmbiguous) {
		attrs = append(attrs, ticket.Expected(i.keys.set(now).names()...))
	}
	return nil, ticket.WithAttrs(err, attrs...)
}

// names returns the kids of the keys, sorted.
func (s *keySet) names() []string {
	var names []string
	if s != nil {
		for _, k := range s.keys {
			names = append(names, k.kid)
		}
	}
	slices.Sort(names)
	return names
}

// identity reads the claims of a token whose signature was verified.
func (i *issuer) identity(c claims, typ string, now time.Time) (ticket.Identity, window, error) {
	if err := c.checkSpelling(i.names.all()); err != nil {
		return ticket.Identity{}, window{}, err
	}
	if _, constrained := c["cnf"]; constrained { // RFC 7800, RFC 9449 7.2
		return ticket.Identity{}, window{}, ticket.WithAttrs(refusedConstrained, slog.String("claim", "cnf"))
	}
	if err := c.checkKind(typ, providers[i.profile].idTokens); err != nil {
		return ticket.Identity{}, window{}, err
	}
	if err := i.checkProvider(c); err != nil {
		return ticket.Identity{}, window{}, err
	}
	valid, err := i.window(c, now)
	if err != nil {
		return ticket.Identity{}, window{}, err
	}
	identity, err := i.subject(c)
	if err == nil {
		err = i.checkRFC9068(c)
	}
	identity.ExpiresAt = valid.ends
	identity.IssuedAt, _, _ = c.date("iat") // window has checked it
	return identity, valid, err
}

// window checks the dates. exp and iat are required (RFC 9068 2.2), because
// without them a lifetime has no bound. The leeway is for an issuer whose clock
// is ahead. There is none for exp: a bearer is good until it says it is not.
func (i *issuer) window(c claims, now time.Time) (window, error) {
	exp, err := c.required("exp")
	if err != nil {
		return window{}, err
	}
	iat, err := c.required("iat")
	if err != nil {
		return window{}, err
	}
	nbf, _, err := c.date("nbf")
	if err != nil {
		return window{}, err
	}
	begins, claim := iat, "iat"
	if nbf.After(begins) {
		begins, claim = nbf, "nbf"
	}
	switch lifetime := exp.Sub(iat); {
	case !now.Before(exp):
		return window{}, ticket.WithAttrs(refusedExpired, slog.String("claim", "exp"), slog.Time("exp", exp))
	case now.Before(begins.Add(-i.leeway)):
		return window{}, ticket.WithAttrs(refusedNotYetValid, slog.String("claim", claim), slog.Time(claim, begins))
	case lifetime > i.maxLifetime:
		return window{}, ticket.WithAttrs(refusedLifetime, slog.Duration("lifetime", lifetime), ticket.Expected(i.maxLifetime.String()))
	}
	return window{begins: begins.Add(-i.leeway), ends: exp}, nil
}

// audienceIn returns the audience in a claim, which has to hold one of the names
// of this service.
func (i *issuer) audienceIn(c claims, claim string) ([]string, error) {
	audience, err := c.texts(claim)
	if err != nil || slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(i.audience, a) }) {
		return audience, err
	}
	return nil, ticket.WithAttrs(refusedAudience, slog.String("claim", claim),
		slog.String("audience", strings.Join(audience, " ")), ticket.Expected(i.audience...))
}

// subject reads who the token is about and for whom it is. The audience is
// checked first, so that a token for another service is refused as such.
func (i *issuer) subject(c claims) (ticket.Identity, error) {
	audience, err := i.audienceIn(c, i.names.Audience)
	if err != nil {
		return ticket.Identity{}, err
	}
	subject, err := c.text(i.names.Subject)
	if err != nil || subject == "" {
		return ticket.Identity{}, ticket.WithAttrs(refusedSubject, slog.String("claim", i.names.Subject))
	}
	identity := ticket.Identity{Issuer: i.name, Subject: subject, Audience: audience, ClientID: c.client(), Claims: c.pick(i.claims)}
	if identity.SessionID, err = c.text(i.names.Session); err != nil {
		return ticket.Identity{}, err
	}
	if identity.TokenID, err = c.text("jti"); err != nil {
		return ticket.Identity{}, err
	}
	if identity.Scope, err = c.scope(i.names.Scope); err != nil {
		return ticket.Identity{}, err
	}
	return identity, nil
}
