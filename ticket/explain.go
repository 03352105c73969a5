package ticket

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxValue bounds the values of WithAttrs, in bytes.
const maxValue = 200

// ExpectedKey is the key of the attribute that says what a value was compared
// with. It may be long, so logs have it at the debug level only.
const ExpectedKey = "expected"

// Expected returns the attribute that says what would have been accepted.
func Expected(values ...string) slog.Attr { return slog.Any(ExpectedKey, values) }

// WithAttrs returns err with what a log needs to say why: the names of values
// that did not fit, and the values. Texts are made printable, cut to 200 bytes,
// and redacted if they could hold a ticket or a JWT. Other values must be safe
// as they are. The result wraps err and has its text; nil stays nil.
func WithAttrs(err error, attrs ...slog.Attr) error {
	if err == nil {
		return nil
	}
	safe := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		if a.Value.Kind() == slog.KindString {
			a.Value = slog.StringValue(Printable(a.Value.String()))
		}
		safe[i] = a
	}
	return &explained{error: err, attrs: safe}
}

// AttrsOf returns the attributes of err and of the errors that it wraps, the
// outermost first.
func AttrsOf(err error) []slog.Attr {
	var all []slog.Attr
	for err != nil {
		e, ok := errors.AsType[*explained](err)
		if !ok {
			break
		}
		all, err = append(all, e.attrs...), e.error
	}
	return all
}

// WithDetail returns err with a sentence for the client, the "detail" of RFC
// 9457 3.1.4, such as "ttl: at most 30". It must hold nothing of the input. The
// result wraps err and has its text; nil stays nil.
func WithDetail(err error, detail string) error {
	if err == nil {
		return nil
	}
	return &explained{error: err, detail: detail}
}

// DetailOf returns the sentence for the client, empty if there is none.
func DetailOf(err error) string {
	for err != nil {
		e, ok := errors.AsType[*explained](err)
		if !ok {
			break
		}
		if e.detail != "" {
			return e.detail
		}
		err = e.error
	}
	return ""
}

// explained is an error with what a log and a client may know about it.
type explained struct {
	error
	attrs  []slog.Attr
	detail string
}

// Unwrap returns the error that is explained.
func (e *explained) Unwrap() error { return e.error }

// unquotes takes the escapes from quotes, which need none within a value.
var unquotes = strings.NewReplacer(`\\`, `\\`, `\"`, `"`)

// Printable returns text as a log may show it: escaped, not longer than 200
// bytes, and redacted if it could hold a ticket or a JWT.
func Printable(text string) string {
	if strings.Contains(text, tokenPrefix) || mayHoldJWT(text) {
		return redacted
	}
	end, more := len(text), ""
	if end > maxValue {
		end, more = maxValue, "…"
		// Broken text may have no start of a character at all.
		for end > maxValue-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
	}
	quoted := strconv.Quote(text[:end])
	return unquotes.Replace(quoted[1:len(quoted)-1]) + more
}

// mayHoldJWT reports whether text has a part that is the base64 of a JSON object,
// as the header of every JWT is. Most begin with `{"`; what follows may be cut.
func mayHoldJWT(text string) bool {
	if strings.Contains(text, "eyJ") {
		return true
	}
	for part := range strings.FieldsFuncSeq(text, notBase64) {
		plain, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil && bytes.HasPrefix(bytes.TrimSpace(plain), []byte{'{'}) && json.Valid(plain) {
			return true
		}
	}
	return false
}

func notBase64(c rune) bool { return !strings.ContainsRune(base64URL, c) }
