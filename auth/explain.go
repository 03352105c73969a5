package auth

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"wsticket/ticket"
)

// Explanation is what one issuer would do with a bearer.
type Explanation struct {
	// Field is the issuer's place in the Options, such as "Issuers[0]".
	Field string
	// Issuer is its name.
	Issuer string
	// Err is why it refuses the bearer: the error of [Verifier.Authenticate] by
	// the first check that fails. Nil if it accepts the bearer.
	Err error
	// Setting is the field of the Options that decides that check, such as
	// "Issuers[0].Audience". Empty if no setting would let the bearer in.
	Setting string
	// Unverified is whether the signature was left out, because the keys are
	// behind a URL and [Verifier.Start] was not called.
	Unverified bool
	// ExpiresAt is the end of a bearer that is accepted.
	ExpiresAt time.Time
}

// Explain says what each issuer would do with a bearer, in the order of the
// Options, by the checks of [Verifier.Authenticate] itself. It remembers
// nothing. The error is that of a bearer that no issuer could read.
//
// Where keys are behind a URL and [Verifier.Start] was not called, it opens no
// connection, and checks everything but the signature.
func (v *Verifier) Explain(ctx context.Context, bearer ticket.Bearer) ([]Explanation, error) {
	t, c, err := parse(bearer.Reveal())
	if err != nil {
		return nil, err
	}
	var all []Explanation
	for _, i := range v.ordered {
		all = append(all, v.explain(ctx, i, t, c))
	}
	return all, nil
}

func (v *Verifier) explain(ctx context.Context, i *issuer, t token, c claims) Explanation {
	now := v.now()
	e := Explanation{Field: i.field, Issuer: i.name, Unverified: i.keys.set(now) == nil && !v.isStarted()}
	if c.issuer() != i.name {
		e.Err = otherIssuer(c, []string{i.name})
	} else if e.Unverified {
		e.ExpiresAt, e.Err = i.expiry(t, c, now)
	} else {
		var proven *verified
		if proven, e.Err = v.verifyFor(ctx, i, t, c, now); e.Err == nil {
			e.ExpiresAt = proven.identity.ExpiresAt
		}
	}
	e.Setting = i.setting(e.Err)
	return e
}

// expiry makes the checks that need no key.
func (i *issuer) expiry(t token, c claims, now time.Time) (time.Time, error) {
	if _, err := i.checkHeader(&t, i.types()); err != nil {
		return time.Time{}, err
	}
	identity, _, err := i.identity(c, t.header.typ, now)
	return identity.ExpiresAt, err
}

// isStarted reports whether keys are fetched.
func (v *Verifier) isStarted() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.started
}

// setting returns the field of the Options that decides the check that failed.
func (i *issuer) setting(err error) string {
	claim := attrOf(err, "claim")
	name := ""
	switch {
	case errors.Is(err, keysUnavailable), errors.Is(err, refusedKeyUnknown), errors.Is(err, refusedKeyAmbiguous), errors.Is(err, refusedSignature):
		return i.source
	case errors.Is(err, refusedIssuer):
		name = "Issuer"
	case attrOf(err, "profile") != "":
		name = "Profile"
	case errors.Is(err, refusedType) && claim == "" && !isOtherType(attrOf(err, "typ")):
		name = "Type"
	case errors.Is(err, refusedAlgorithm):
		name = "Algorithms"
	case errors.Is(err, refusedAudience):
		name = "Audience"
		if attrOf(err, "audience") == "" {
			name = "ClaimNames.Audience"
		}
	case errors.Is(err, refusedSubject):
		name = "ClaimNames.Subject"
	case errors.Is(err, refusedClaims):
		name = i.claimSetting(claim)
	case errors.Is(err, refusedNotYetValid):
		name = "Leeway"
	case errors.Is(err, refusedLifetime):
		name = "MaxLifetime"
	}
	if name == "" {
		return ""
	}
	return i.field + "." + name
}

// claimSetting returns the setting for a claim that is missing or wrong.
func (i *issuer) claimSetting(claim string) string {
	switch {
	case claim == i.names.Audience:
		return "ClaimNames.Audience"
	case claim == i.names.Scope:
		return "ClaimNames.Scope"
	case claim == i.names.Session:
		return "ClaimNames.Session"
	case strings.EqualFold(i.typ, AccessTokenType) && slices.Contains(rfc9068Claims, claim) && claim != "exp" && claim != "iat":
		return "Type" // no other type requires it
	default:
		return ""
	}
}

// attrOf returns a text among the attributes of an error.
func attrOf(err error, key string) string {
	attrs := ticket.AttrsOf(err)
	if n := slices.IndexFunc(attrs, func(a slog.Attr) bool { return a.Key == key }); n >= 0 {
		return attrs[n].Value.String()
	}
	return ""
}
