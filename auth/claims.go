package auth

import (
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"wsticket/internal/printable"
	"wsticket/ticket"
)

// claims are those of a token, under the names that it has for them. A claim
// that is null counts as absent, and is not there.
type claims map[string]any

// lastDate is the end of the year 9999, as far as RFC 3339 can write. Later
// dates are mistakes (milliseconds for seconds) or attacks on arithmetic.
const lastDate = 253402300799

// knownClaims have a meaning here, and may appear in no other spelling.
var knownClaims = slices.Concat(foreignClaims, []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "scope", "cnf",
})

// issuer returns the claim iss, "" if it is none that could be configured.
func (c claims) issuer() string {
	name, _ := c["iss"].(string)
	return name
}

// otherIssuer refuses a bearer that names none of the issuers.
func otherIssuer(c claims, known []string) error {
	return ticket.WithAttrs(refusedIssuer, slog.String("issuer", c.issuer()), ticket.Expected(known...))
}

// wrongClaim refuses a claim by its name. Its value is not told.
func wrongClaim(name string) error {
	return ticket.WithAttrs(refusedClaims, slog.String("claim", name))
}

// parseClaims decodes the claims of a token. Nothing in them is proven yet.
func parseClaims(data []byte) (claims, error) {
	members, err := object(data, maxClaimsDepth, "claims")
	return members, err
}

// checkSpelling refuses a claim that some parsers would read as one that has a
// meaning here, which is at least one of knownClaims.
func (c claims) checkSpelling(more []string) error {
	if name := lookalike(c, slices.Concat(knownClaims, more)); name != "" {
		return wrongClaim(name)
	}
	return nil
}

// date reads a NumericDate (RFC 7519 2), rounded down to a millisecond. A text
// that holds a number is not one.
func (c claims) date(name string) (at time.Time, present bool, err error) {
	value, present := c[name]
	if !present {
		return time.Time{}, false, nil
	}
	seconds, ok := value.(float64)
	if !ok || seconds < 0 || seconds > lastDate {
		return time.Time{}, true, wrongClaim(name)
	}
	return time.UnixMilli(int64(math.Floor(seconds * 1000))), true, nil
}

// required reads a date that must be present.
func (c claims) required(name string) (time.Time, error) {
	at, present, err := c.date(name)
	if err == nil && !present {
		err = wrongClaim(name)
	}
	return at, err
}

// text reads a claim that is absent or a name that can be shown.
func (c claims) text(name string) (string, error) {
	value, present := c[name]
	if !present {
		return "", nil
	}
	text, ok := value.(string)
	if !ok || !printable.IsName(text) {
		return "", wrongClaim(name)
	}
	return text, nil
}

// client returns the client that the token was made for: client_id (RFC 9068 2.2), else
// azp (OpenID Connect Core 2), else nothing. It decides nothing, so that one that cannot
// be shown is no reason to refuse the token.
func (c claims) client() string {
	for _, name := range []string{"client_id", "azp"} {
		if text, err := c.text(name); err == nil && text != "" {
			return text
		}
	}
	return ""
}

// texts reads a claim that is absent, a text or a list of texts, such as aud.
func (c claims) texts(name string) ([]string, error) {
	switch value := c[name].(type) {
	case string:
		return []string{value}, nil
	case []any:
		list := make([]string, len(value))
		for i, member := range value {
			text, ok := member.(string)
			if !ok {
				return nil, wrongClaim(name)
			}
			list[i] = text
		}
		return list, nil
	case nil:
		return nil, nil
	}
	return nil, wrongClaim(name)
}

// scope reads a scope separated by spaces (RFC 8693 4.2) in the characters of
// RFC 6749 3.3, or the list of texts that some providers make of it.
func (c claims) scope(name string) (string, error) {
	list, err := c.texts(name)
	if err != nil {
		return "", err
	}
	scope := strings.Join(list, " ")
	for _, b := range []byte(scope) {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return "", wrongClaim(name)
		}
	}
	return scope, nil
}

// pick returns the named claims that are present, nil if there are none.
func (c claims) pick(names []string) map[string]any {
	var picked map[string]any
	for _, name := range names {
		value, present := c[name]
		if !present {
			continue
		}
		if picked == nil {
			picked = make(map[string]any)
		}
		picked[name] = value
	}
	return picked
}
