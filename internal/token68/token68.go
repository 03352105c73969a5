// Package token68 knows the shape of a credential in a header.
package token68

import "strings"

// Valid tells whether s is credentials without parameters: token68 in RFC 9110
// 11.2, b64token in RFC 6750 2.1. It has no spaces, commas or other white
// space, so neither two credentials nor a second blank before one pass.
func Valid(s string) bool {
	s = strings.TrimRight(s, "=")
	for _, c := range []byte(s) {
		if !isToken68(c) {
			return false
		}
	}
	return s != ""
}

// isToken68 looks at the letters first: each request has hundreds of them.
func isToken68(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/'
	}
}
