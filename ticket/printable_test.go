package ticket_test

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"wsticket/ticket"
)

// TestEscape: what a terminal or a viewer would act on (L1 to L4 of
// SECURITY.md, Trojan Source) is shown; what people write stays as it is.
func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                         "",
		`alice "the fox" \u202e`:   `alice "the fox" \u202e`,
		"Zoë Ωμέγα 🦊 \u05d0\u05d1": "Zoë Ωμέγα 🦊 \u05d0\u05d1",
		"Zoe\u0308 日本語 محمد":       "Zoe\u0308 日本語 محمد",
		"👩\u200d💻 می\u200cخواهم":   `👩\u200d💻 می\u200cخواهم`,
		"a\r\nlevel=ERROR":         `a\r\nlevel=ERROR`,
		"\x1b[2J\x1b]0;title\a":    `\x1b[2J\x1b]0;title\a`,
		"\u009b31m\u0085\x7f\x00":  `\u009b31m\u0085\x7f\x00`,
		"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069": `\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069`,
		"\u200e\u200f\u061c":                   `\u200e\u200f\u061c`,
		"\u200b\u200c\u200d\u2060\ufeff\u00ad": `\u200b\u200c\u200d\u2060\ufeff\u00ad`,
		"\u2028\u2029\u00a0\u3000":             `\u2028\u2029\u00a0\u3000`,
		"\U000e0041\ue000":                     `\U000e0041\ue000`,
		"a\xff\xc3b\ufffd":                     "a\\xff\\xc3b\ufffd",
	} {
		got := ticket.Escape(in)
		if got != want {
			t.Errorf("%+q: got %+q, want %+q", in, got, want)
		}
		if again := ticket.Escape(got); again != got {
			t.Errorf("%+q: escaped twice it is %+q", in, again)
		}
		a := ticket.EscapeAttr(slog.String("k", in))
		list := ticket.EscapeAttr(slog.Any("k", []string{"x", in}))
		err := ticket.EscapeAttr(slog.Any("k", errors.New(in)))
		if a.Value.String() != want || list.Value.String() != "[x "+want+"]" || err.Value.String() != want {
			t.Errorf("%+q: got attributes %s, %s and %s", in, a, list, err)
		}
	}
	if ticket.Printable("a\u202e") != ticket.Escape("a\u202e") {
		t.Error("two escapes")
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\u202e\xff\x1b")
	f.Fuzz(func(t *testing.T, in string) {
		out := ticket.Escape(in)
		if strings.ContainsFunc(out, func(r rune) bool { return !strconv.IsPrint(r) }) || ticket.Escape(out) != out {
			t.Errorf("%+q is shown as %+q", in, out)
		}
	})
}
