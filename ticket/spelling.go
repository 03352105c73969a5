package ticket

import (
	"encoding/hex"
	"strings"
)

// MayHoldToken reports whether text could hold the token of a ticket: whether
// the prefix of tokens is in it, in any case, percent-encoded or not.
func MayHoldToken(text string) bool {
	return strings.Contains(strings.ToLower(Unescape(text)), tokenPrefix)
}

// Unescape undoes the percent-encoding of text (RFC 3986 2.1) until nothing of it
// is left, however often it was applied. What is no escape stays as it is. It is
// for searching a text, not for reading it.
func Unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	plain := make([]byte, 0, len(text))
	for i := range len(text) {
		plain = append(plain, text[i])
		// What an escape stands for can be the end of another one.
		for n := len(plain) - 3; n >= 0 && plain[n] == '%'; n = len(plain) - 3 {
			var char [1]byte
			if _, err := hex.Decode(char[:], plain[n+1:]); err != nil {
				break
			}
			plain = append(plain[:n], char[0])
		}
	}
	return string(plain)
}
