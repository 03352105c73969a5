// Package jwtscan finds JWTs where there should be none, such as in a URL. It
// looks at the syntax only and verifies nothing.
package jwtscan

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Holds reports whether s contains a JWS or JWE in compact form (RFC 7515 7.1,
// RFC 7516 7.1): parts that are separated by dots, one of which is a header and
// has two more after it. Names of hosts, files and channels have dots, too, so
// a header is what decodes to a JSON object with "alg" or "enc".
func Holds(s string) bool {
	if strings.Count(s, ".") < 2 {
		return false
	}
	for word := range strings.FieldsFuncSeq(s, isNotJWT) {
		parts := strings.Split(word, ".")
		for _, part := range parts[:max(len(parts)-2, 0)] {
			if endsWithHeader(part) {
				return true
			}
		}
	}
	return false
}

// maxStarts bounds the places where a header is looked for in one part.
const maxStarts = 8

// endsWithHeader reports whether part is a header, or ends with one that somebody has
// joined to other text, as in "jwt-eyJhbGci…". "eyJ" is how almost all begin.
func endsWithHeader(part string) bool {
	found := isHeader(part)
	for n := 0; !found && n < maxStarts; n++ {
		_, rest, more := strings.Cut(part, "eyJ")
		if !more {
			return false
		}
		found, part = isHeader("eyJ"+rest), rest
	}
	return found
}

// isHeader reports whether part is the header of a JWS or JWE. Every JWS has
// "alg" (RFC 7515 4.1.1), and every JWE both (RFC 7516 4.1).
func isHeader(part string) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return false
	}
	return members["alg"] != nil || members["enc"] != nil
}

func isNotJWT(c rune) bool {
	letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	return !letter && c != '-' && c != '_' && c != '.'
}
