package printable_test

import (
	"strings"
	"testing"

	"wsticket/internal/printable"
)

func TestIsName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"u-1": true, "Zo\u00eb": true, "\U0001f98a": true, "a b": true, strings.Repeat("a", printable.MaxName): true,
		"": false, strings.Repeat("a", printable.MaxName+1): false, "a\nb": false, "a\x00": false, "a\x7f": false, "\x1b[31ma": false, "a\u0085": false,
		"a\u202e": false, "a\u2066b": false, "a\u200b": false, "a\u2028": false, "a\u2029": false, "a\ufffd": false, "a\xff": false,
	} {
		if got := printable.IsName(text); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
	}
}
