package ticket_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"wsticket/ticket"
)

func TestExplainedErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	inner := ticket.WithAttrs(ticket.ErrWrongOrigin, slog.String("origin", "https://a.example"), ticket.Expected("https://b.example"))
	err := ticket.WithAttrs(fmt.Errorf("redeem: %w", ticket.WithDetail(inner, "origin: not allowed")), slog.Int("n", 1))
	if !errors.Is(err, ticket.ErrWrongOrigin) || ticket.Reason(err) != "wrong_origin" {
		t.Errorf("%v does not wrap its cause", err)
	}
	if got := ticket.DetailOf(err); got != "origin: not allowed" {
		t.Errorf("detail %q", got)
	}
	if got, want := fmt.Sprint(ticket.AttrsOf(err)), "[n=1 origin=https://a.example expected=[https://b.example]]"; got != want {
		t.Errorf("attributes %s, want %s", got, want)
	}
	if ticket.WithAttrs(nil) != nil || ticket.WithDetail(nil, "x") != nil || ticket.AttrsOf(nil) != nil {
		t.Error("no error has become one")
	}
}

func TestAttrsAreSafeToLog(t *testing.T) {
	t.Parallel()
	long, broken := strings.Repeat("é", 300), strings.Repeat("\x80", 300)
	for in, want := range map[string]string{
		"a\nb\x00\u202e":                   `a\nb\x00\u202e`,
		"/ws?ticket=wst1_AAECAwQFBgcICQoL": "[redacted]",
		"x eyJhbGciOiJub25lIn0.e30.":       "[redacted]",
		"x ewogImFsZyI6Im5vbmUifQ.e30.":    "[redacted]", // "{", a line break
		"IHsiYWxnIjoibm9uZSJ9.e30.":        "[redacted]",
		"https://example.export.com":       "https://example.export.com", // base64 that begins with a brace
		"{ \"alg\":":                       `{ "alg":`,
		`a\"`:                              `a\"`,
		"eyAiYWxnIjoibm9uZSJ9.e30.":        "[redacted]",
		long:                               long[:200] + "…",
		broken:                             strings.Repeat(`\x80`, 196) + "…",
	} {
		attrs := ticket.AttrsOf(ticket.WithAttrs(ticket.ErrInvalidRequest, slog.String("value", in)))
		if got := attrs[0].Value.String(); got != want {
			t.Errorf("%q is logged as %q, want %q", in, got, want)
		}
	}
}

// FuzzPrintable: whatever the text, what a log gets is short, of printable
// characters, and no ticket.
func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"a\nb\x00\u202e", `a\"`, "x wst1_a", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("\x80", 201), strings.Repeat("a", 199) + "€"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := ticket.Printable(text)
		if !utf8.ValidString(got) || strings.Contains(got, "wst1_") || len(got) > 4*200+len("…") {
			t.Errorf("%q: got %q", text, got)
		}
		if i := strings.IndexFunc(got, func(c rune) bool { return !unicode.IsPrint(c) }); i >= 0 {
			t.Errorf("%q: got %q with a character that cannot be printed, at %d", text, got, i)
		}
	})
}
