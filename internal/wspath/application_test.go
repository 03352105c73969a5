package wspath_test

import (
	"encoding/hex"
	"path"
	"regexp"
	"strings"
)

var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// unescapeOnce leaves what is no escape as it is, as some applications do.
func unescapeOnce(text string) string {
	return escape.ReplaceAllStringFunc(text, func(e string) string {
		char, _ := hex.DecodeString(e[1:])
		return string(char)
	})
}

// unescape stands for that of package ticket.
func unescape(text string) string {
	for plain := unescapeOnce(text); plain != text; plain = unescapeOnce(text) {
		text = plain
	}
	return text
}

// readAsAdmin reports whether an application may read a path as /ws/admin: one that
// unescapes it any number of times, cuts parameters, formats, or all from a question
// mark on, takes a backslash for a slash, resolves dots, merges slashes and ignores
// case, before or after unescaping. It is written without the means of this package.
func readAsAdmin(text string) bool {
	for range 5 {
		if reads(text) || reads(strings.ReplaceAll(text, `\`, "/")) {
			return true
		}
		text = unescapeOnce(text)
	}
	return false
}

func reads(text string) bool {
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, "\x00")
	segments := strings.Split(text, "/")
	for i, segment := range segments {
		segment, _, _ = strings.Cut(segment, ";")
		segments[i] = strings.TrimRight(segment, " ")
	}
	clean := path.Clean("/" + strings.Join(segments, "/"))
	stem, _, _ := strings.Cut(clean, ".")
	return strings.EqualFold(clean, "/ws/admin") || strings.EqualFold(stem, "/ws/admin")
}
