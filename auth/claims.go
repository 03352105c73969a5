package auth

import (
	"math"
	"slices"
	"strings"
	"time"

	"wsticket/internal/printable"
)

// claims are those of a token, under the names that it has for them.
type claims map[string]any

// lastDate is the end of the year 9999, as far as RFC 3339 can write. Later
// dates are mistakes (milliseconds for seconds) or attacks on arithmetic.
const lastDate = 253402300799

var (
	// foreignClaims mark a token that goes with another one: an ID token
	// (OpenID Connect Core 1.0, 3.1.3.6 and 3.3.2.11) or a security event
	// (RFC 8417), such as a logout token.
	foreignClaims = []string{"at_hash", "c_hash", "s_hash", "events"}
	// knownClaims have a meaning here, and may appear in no other spelling.
	knownClaims = slices.Concat(foreignClaims, []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "scope", "cnf",
	})
)

// parseClaims decodes the claims of a token. Nothing in them is proven yet.
func parseClaims(data []byte) (claims, error) {
	members, err := object(data, maxClaimsDepth)
	if err != nil {
		return nil, err
	}
	if looksLike(members, knownClaims) {
		return nil, refusedClaims
	}
	return members, nil
}

// isForeign reports whether the token has one of foreignClaims. The typ header
// mostly shows the same; this also holds where the configuration does not look
// at the header.
func (c claims) isForeign() bool {
	return slices.ContainsFunc(foreignClaims, func(name string) bool {
		_, present := c[name]
		return present
	})
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
		return time.Time{}, true, refusedClaims
	}
	return time.UnixMilli(int64(math.Floor(seconds * 1000))), true, nil
}

// required reads a date that must be present.
func (c claims) required(name string) (time.Time, error) {
	at, present, err := c.date(name)
	if err == nil && !present {
		err = refusedClaims
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
		return "", refusedClaims
	}
	return text, nil
}

// texts reads a claim that is a text or a list of texts, such as aud.
func (c claims) texts(name string) ([]string, error) {
	switch value := c[name].(type) {
	case string:
		return []string{value}, nil
	case []any:
		list := make([]string, len(value))
		for i, member := range value {
			text, ok := member.(string)
			if !ok {
				return nil, refusedClaims
			}
			list[i] = text
		}
		return list, nil
	case nil:
		if _, present := c[name]; !present {
			return nil, nil
		}
	}
	return nil, refusedClaims
}

// scope reads a scope separated by spaces (RFC 8693 4.2) in the characters of
// RFC 6749 3.3, or the list of texts that some providers make of it.
func (c claims) scope() (string, error) {
	list, err := c.texts("scope")
	if err != nil {
		return "", err
	}
	scope := strings.Join(list, " ")
	for _, b := range []byte(scope) {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return "", refusedClaims
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
