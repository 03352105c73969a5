// Package token68 knows the shape of a credential in a header.
package token68

import "strings"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"

// Valid tells whether s is credentials without parameters: token68 in RFC 9110
// 11.2, b64token in RFC 6750 2.1. It has no spaces, commas or other white
// space, so neither two credentials nor a second blank before one pass.
func Valid(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && strings.Trim(s, alphabet) == ""
}
