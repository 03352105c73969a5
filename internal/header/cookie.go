package header

import (
	"errors"
	"strings"
)

// ErrCookie is a cookie without a value, or with one that is not made of
// cookie-octets.
var ErrCookie = errors.New("malformed cookie")

// Cookies returns the values of the cookies with that name, in order. Cookies
// with other names may have any form: they belong to others (RFC 6265 5.4). A
// value that [IsCookieValue] does not accept is [ErrCookie].
func Cookies(lines []string, name string) ([]string, error) {
	var values []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			got, value, _ := strings.Cut(pair, "=")
			if strings.Trim(got, " \t") != name {
				continue
			}
			value = strings.Trim(value, " \t")
			if !IsCookieValue(value) {
				return nil, ErrCookie
			}
			values = append(values, value)
		}
	}
	return values, nil
}

// IsCookieValue reports whether s is one or more cookie-octets, without the
// quotes that RFC 6265 4.1.1 allows.
func IsCookieValue(s string) bool {
	return s != "" && !strings.ContainsFunc(s, notCookieOctet)
}

// notCookieOctet is the complement of cookie-octet in RFC 6265 4.1.1.
func notCookieOctet(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune(`",;\`, c)
}

// WithoutCookie returns Cookie headers without the cookies of that name. All
// others stay as they are.
func WithoutCookie(lines []string, name string) []string {
	var kept []string
	for _, line := range lines {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			if got, _, _ := strings.Cut(pair, "="); strings.Trim(got, " \t") != name {
				pairs = append(pairs, strings.Trim(pair, " \t"))
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	return kept
}
