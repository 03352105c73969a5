package ticket

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxValue bounds the values of WithAttrs, in bytes.
const maxValue = 200

// Printable returns text as a log may show it: escaped by [Escape], not longer
// than 200 bytes before that, and redacted if it could hold a ticket or a JWT,
// percent-encoded or not.
func Printable(text string) string {
	if MayHoldToken(text) || mayHoldJWT(Unescape(text)) {
		return redacted
	}
	if short := cut(text, maxValue); len(short) < len(text) {
		return Escape(short) + "…"
	}
	return Escape(text)
}

// cut returns at most limit bytes of text, and no part of a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	// Broken text may have no start of a character at all.
	for end > limit-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// Escape returns text with an escape, as in Go, in place of everything that a
// terminal or a viewer of logs would act on and not show: control characters, which
// begin lines and the commands of terminals, bidirectional and other format
// characters, line separators, spaces other than U+0020, and what is not UTF-8. The
// joiners in emoji and in Persian words are format characters, too: with them, two
// names can look the same. All other text stays as it is, so that what was escaped
// once is not changed again.
func Escape(text string) string {
	if !strings.ContainsFunc(text, isHidden) {
		return text
	}
	var out strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if strconv.IsPrint(r) && n > 1 || !isHidden(r) {
			out.WriteString(text[:n])
		} else {
			quoted := strconv.Quote(text[:n])
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[n:]
	}
	return out.String()
}

// isHidden reports whether a rune needs an escape, or is U+FFFD, which is also
// what a byte is read as that is not UTF-8.
func isHidden(r rune) bool {
	if ' ' <= r && r <= '~' { // most, and every line of the log asks
		return false
	}
	return !strconv.IsPrint(r) || r == utf8.RuneError
}

// mayHoldJWT reports whether text has a part that is the base64 of a JSON object,
// as the header of every JWT is. Most begin with `{"`; what follows may be cut.
func mayHoldJWT(text string) bool {
	if strings.Contains(text, "eyJ") {
		return true
	}
	for part := range strings.FieldsFuncSeq(text, notBase64) {
		if strings.IndexByte(objectStart, part[0]) < 0 {
			continue // most, at little cost
		}
		plain, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil && bytes.HasPrefix(bytes.TrimSpace(plain), []byte{'{'}) && json.Valid(plain) {
			return true
		}
	}
	return false
}

// objectStart are the characters that base64 of a JSON object can begin with: those of "{"
// and of the white space that may be before it.
const objectStart = "eICD"

func notBase64(c rune) bool { return !strings.ContainsRune(base64URL, c) }
