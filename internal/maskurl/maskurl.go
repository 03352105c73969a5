// Package maskurl hides what may be a password in a URL, so that a fault can show
// the rest. It does not parse: what cannot be parsed is what faults are about.
package maskurl

import (
	"regexp"
	"strings"
)

// mask stands for what is hidden.
const mask = "…"

var (
	scheme = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//`)
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	// setting is a password in a query, or in a connection string of libpq.
	setting = regexp.MustCompile(`(?i)(password=)(?:'[^']*'|[^&"\s]*)`)
)

// Hide returns a text that is, or should have been, a URL without what may be
// secret in it: everything before the last "@", which may be in a password too,
// what stands behind "password=", and behind a scheme also the query and the
// fragment. A text without a scheme is changed only if it looks like
// user:password@host; an e-mail address does not.
func Hide(text string) string {
	kept := scheme.FindString(text)
	rest := text[len(kept):]
	if at := strings.LastIndexByte(rest, '@'); at >= 0 && (kept != "" || strings.Contains(rest[:at], ":")) {
		rest = mask + rest[at:]
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 && kept != "" {
		rest = rest[:end+1] + mask
	}
	return kept + hideSettings(rest)
}

// HasUser reports whether a URL names a user, and perhaps a password.
func HasUser(text string) bool {
	kept := scheme.FindString(text)
	return kept != "" && strings.Contains(text[len(kept):], "@")
}

// HideQuoted returns a message in which each value that stands in quotes, as fmt
// writes it for %q, is hidden by [Hide], and in the rest what stands behind
// "password=".
func HideQuoted(message string) string {
	return hideSettings(quoted.ReplaceAllStringFunc(message, func(value string) string {
		return `"` + Hide(value[1:len(value)-1]) + `"`
	}))
}

func hideSettings(text string) string { return setting.ReplaceAllString(text, "${1}"+mask) }
