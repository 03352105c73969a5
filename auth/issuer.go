package auth

import (
	"context"
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
	typ         string
	maxLifetime time.Duration
	leeway      time.Duration
	claims      []string
	keys        keySource
}

// window is the time in which a bearer that was verified is valid, without
// leeway at the end, which is its exp.
type window struct{ begins, ends time.Time }

// checkSignature verifies that the token is of this issuer, and returns the key
// set that verified it. It may wait for keys; see [remoteKeys.find].
func (i *issuer) checkSignature(ctx context.Context, t token, now time.Time) (*keySet, error) {
	if !i.accepts(t.header.typ) {
		return nil, refusedType
	}
	alg, ok := i.algorithms[t.header.alg]
	if !ok {
		return nil, refusedAlgorithm
	}
	return verifyWith(ctx, i.keys, t, alg, now)
}

// accepts compares media types: case does not count, and "application/" may
// be left out (RFC 7515 4.1.9, RFC 9068 4).
func (i *issuer) accepts(typ string) bool {
	return i.typ == AnyType || strings.EqualFold(shortType(typ), i.typ)
}

// shortType drops the part of a media type that JOSE drops.
func shortType(typ string) string {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		return typ[len(prefix):]
	}
	return typ
}

// identity reads the claims of a token whose signature was verified.
func (i *issuer) identity(c claims, now time.Time) (ticket.Identity, window, error) {
	if _, constrained := c["cnf"]; constrained {
		return ticket.Identity{}, window{}, refusedConstrained // RFC 7800, RFC 9449 7.2
	}
	if c.isForeign() {
		return ticket.Identity{}, window{}, refusedType
	}
	valid, err := i.window(c, now)
	if err != nil {
		return ticket.Identity{}, window{}, err
	}
	identity, err := i.subject(c)
	identity.ExpiresAt = valid.ends
	return identity, valid, err
}

// window checks the dates. exp and iat are required (RFC 9068 2.2), because
// without them a lifetime has no bound. The leeway is for clocks that differ; an
// identity ends at exp all the same.
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
	begins := iat
	if nbf.After(begins) {
		begins = nbf
	}
	begins = begins.Add(-i.leeway)
	switch {
	case !now.Before(exp.Add(i.leeway)):
		return window{}, refusedExpired
	case now.Before(begins):
		return window{}, refusedNotYetValid
	case exp.Sub(iat) > i.maxLifetime:
		return window{}, refusedLifetime
	}
	return window{begins: begins, ends: exp}, nil
}

// subject reads who the token is about and for whom it is. The audience is
// checked first, so that a token for another service is refused as such.
func (i *issuer) subject(c claims) (ticket.Identity, error) {
	audience, err := c.texts("aud")
	if err != nil {
		return ticket.Identity{}, err
	}
	if !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(i.audience, a) }) {
		return ticket.Identity{}, refusedAudience
	}
	subject, err := c.text("sub")
	if err != nil || subject == "" {
		return ticket.Identity{}, refusedSubject
	}
	identity := ticket.Identity{Issuer: i.name, Subject: subject, Audience: audience, Claims: c.pick(i.claims)}
	if identity.SessionID, err = c.text("sid"); err != nil {
		return ticket.Identity{}, err
	}
	if identity.TokenID, err = c.text("jti"); err != nil {
		return ticket.Identity{}, err
	}
	if identity.Scope, err = c.scope(); err != nil {
		return ticket.Identity{}, err
	}
	return identity, nil
}
