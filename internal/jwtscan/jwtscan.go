// Package jwtscan finds JWTs where there should be none, such as in a URL. It
// looks at the syntax only and verifies nothing.
package jwtscan

import (
	"encoding/base64"
	"strings"
)

// Holds reports whether s contains a JWS or JWE in compact form (RFC 7515 7.1,
// RFC 7516 7.1): base64url parts that are separated by dots, one of which is a
// JSON object and has two more after it.
func Holds(s string) bool {
	if strings.Count(s, ".") < 2 {
		return false
	}
	for word := range strings.FieldsFuncSeq(s, isNotJWT) {
		parts := strings.Split(word, ".")
		for _, header := range parts[:max(len(parts)-2, 0)] {
			text, err := base64.RawURLEncoding.DecodeString(header)
			if err == nil && strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
				return true
			}
		}
	}
	return false
}

func isNotJWT(c rune) bool {
	letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	return !letter && c != '-' && c != '_' && c != '.'
}
