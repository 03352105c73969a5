// Package printable decides which names can be shown safely.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName bounds a name in bytes (OpenID Connect Core 1.0, 2: a sub has at most
// 255 ASCII characters).
const MaxName = 255

// IsName reports whether a name can be logged, put into a header and compared
// by eye: it is not empty, not longer than [MaxName], and has no control,
// format (such as bidirectional overrides), line or paragraph separator
// characters, and no U+FFFD, which other parsers make of broken text.
func IsName(text string) bool {
	if text == "" || len(text) > MaxName {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r == utf8.RuneError || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)
	})
}
