package auth

import (
	"cmp"
	"slices"

	"wsticket/internal/printable"
	"wsticket/ticket"
)

// ClaimNames are the names of claims that not every provider calls the same.
// Each is the name of a member of the claims themselves, not a path into them.
type ClaimNames struct {
	// Subject names the user. Default "sub".
	Subject string
	// Audience names the services that the token is for, a text or a list.
	// Default "aud".
	Audience string
	// Scope is a text separated by spaces, or a list. Default "scope".
	Scope string
	// Session names the session, by which a logout finds what it has to end.
	// Default "sid".
	Session string
}

// withDefaults fills in the registered names.
func (n ClaimNames) withDefaults() ClaimNames {
	return ClaimNames{
		Subject: cmp.Or(n.Subject, "sub"), Audience: cmp.Or(n.Audience, "aud"),
		Scope: cmp.Or(n.Scope, "scope"), Session: cmp.Or(n.Session, "sid"),
	}
}

// all returns the names.
func (n ClaimNames) all() []string { return []string{n.Subject, n.Audience, n.Scope, n.Session} }

// takenNames are claims with a meaning of their own, which cannot have another
// one as well.
var takenNames = slices.Concat(foreignClaims, kindClaims, []string{"iss", "exp", "nbf", "iat", "jti", "cnf", "nonce"})

// validate refuses one claim for user and audience as well: all users would be one.
func (n ClaimNames) validate(f *ticket.OptionErrors, field string) {
	f.Check(n.Subject != n.Audience, field+".Subject", "%q is the claim with the audience", n.Subject)
	for _, c := range []struct{ field, name string }{
		{"Subject", n.Subject}, {"Audience", n.Audience}, {"Scope", n.Scope}, {"Session", n.Session},
	} {
		f.Check(printable.IsName(c.name), field+"."+c.field,
			"must be the name of a claim, 1 to %d bytes without control characters (got %q)", printable.MaxName, c.name)
		f.Check(!slices.Contains(takenNames, c.name), field+"."+c.field, "%q has another meaning", c.name)
	}
}
