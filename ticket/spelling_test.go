package ticket_test

import (
	"net/url"
	"strings"
	"testing"

	"wsticket/ticket"
)

func TestUnescape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "a": "a", "%41": "A", "%2541": "A", "%25252541": "A", "%%34%31": "A", "%4%31": "A", "a%2fb+c": "a/b+c",
		"%": "%", "%4": "%4", "%zz": "%zz", "%4G%41": "%4GA", "%25": "%", "%%": "%%", "%00": "\x00", "%c3%bc": "ü",
		"%" + strings.Repeat("25", 10_000) + "41": "A",
	} {
		if got := ticket.Unescape(text); got != want {
			t.Errorf("%.40q: got %.40q, want %q", text, got, want)
		}
	}
}

// FuzzUnescape: nothing is left to undo, and whatever was escaped, however often, is
// found.
func FuzzUnescape(f *testing.F) {
	f.Add("/ws?ticket=wst1_", 2)
	f.Add("%2%35%34%31", 1)
	f.Fuzz(func(t *testing.T, text string, times int) {
		plain := ticket.Unescape(text)
		if again := ticket.Unescape(plain); again != plain {
			t.Errorf("%q: %q becomes %q", text, plain, again)
		}
		escaped := plain
		for range times % 4 {
			escaped = url.PathEscape(escaped)
		}
		if got := ticket.Unescape(escaped); got != plain {
			t.Errorf("%q, escaped %d times: got %q", plain, times%4, got)
		}
		if !ticket.MayHoldToken(escaped + "w%2573T1_") {
			t.Errorf("%q: the ticket behind it is not found", escaped)
		}
	})
}

func TestMayHoldToken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"wst1_": true, "/ws?ticket=wst1_x": true, "WST1_x": true, "%77st1%5F": true, "%2577st1_": true, "wst1": false, "wst_1": false, "": false, "wst1%2": false,
	} {
		if got := ticket.MayHoldToken(text); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
		if got := ticket.Printable(text); (got == ticket.Printable("wst1_")) != want {
			t.Errorf("%q: a log shows %q", text, got)
		}
	}
}
