// Package token68 checks the syntax of a credential in a header.
package token68

import "strings"

// Valid reports whether s is a credential without parameters: token68 in RFC 9110
// 11.2, b64token in RFC 6750 2.1. It contains no white space and no commas, so that
// neither two credentials nor a second space before one are valid.
func Valid(s string) bool {
	s = strings.TrimRight(s, "=")
	for _, c := range []byte(s) {
		if !isToken68(c) {
			return false
		}
	}
	return s != ""
}

// isToken68 tests for letters and digits first, because a request has hundreds of
// them.
func isToken68(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/'
	}
}
