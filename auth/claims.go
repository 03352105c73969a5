package auth

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// claims are those of a token, exactly as named in it.
type claims map[string]any

// maxText bounds sub, sid and jti in bytes (OpenID Connect Core 1.0, 2: sub
// is at most 255 ASCII characters).
const maxText = 255

// lastDate is the end of the year 9999, as far as RFC 3339 can write. Dates
// beyond it are mistakes (milliseconds for seconds) or attacks on arithmetic.
const lastDate = 253402300799

// parseClaims decodes the claims of a token. Nothing in them is proven yet.
func parseClaims(data []byte) (claims, error) {
	members, err := object(data, maxClaimsDepth)
	if err != nil {
		return nil, err
	}
	if looksLike(members, []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "scope", "cnf",
		"at_hash", "c_hash", "s_hash", "events",
	}) {
		return nil, refusedClaims
	}
	return members, nil
}

// isForeign tells whether the token is one that goes with another: an ID
// token (OpenID Connect Core 1.0, 3.1.3.6 and 3.3.2.11) or a security event
// (RFC 8417, among them logout tokens). The typ header mostly tells as much;
// this also holds where the configuration does not look at it.
func (c claims) isForeign() bool {
	return slices.ContainsFunc([]string{"at_hash", "c_hash", "s_hash", "events"}, func(name string) bool {
		_, present := c[name]
		return present
	})
}

// date reads a NumericDate (RFC 7519 2), to the millisecond below. A text that
// holds a number is none.
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

// required reads a date that has to be there.
func (c claims) required(name string) (time.Time, error) {
	at, present, err := c.date(name)
	if err == nil && !present {
		err = refusedClaims
	}
	return at, err
}

// text reads a claim that is absent or a text that can be shown.
func (c claims) text(name string) (string, error) {
	value, present := c[name]
	if !present {
		return "", nil
	}
	text, ok := value.(string)
	if !ok || !isShowable(text) {
		return "", refusedClaims
	}
	return text, nil
}

// isShowable tells whether a name can be logged, put in a header and compared
// by eye: not empty, not too long, no control, format (such as bidirectional
// overrides), line or paragraph separator characters, and no U+FFFD, which is
// what other parsers make of broken text.
func isShowable(text string) bool {
	if text == "" || len(text) > maxText {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r == utf8.RuneError || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)
	})
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

// scope is space-separated (RFC 8693 4.2) in the characters of RFC 6749 3.3;
// the list that some providers make of it is read as well.
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

// pick returns the named claims, nil if none is there.
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
