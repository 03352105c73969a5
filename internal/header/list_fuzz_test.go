package header_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/httphead"

	"wsticket/internal/header"
	"wsticket/internal/test"
)

// FuzzList compares the reader of lists with httphead, which reads 1#token of
// RFC 2616. Lines of the input are lines of the header.
//
//   - A list of tokens is the same list to httphead.
//   - What httphead reads as a list, is one here, of the same tokens.
//
// Two differences: httphead takes blanks for separators, where an element with a
// blank in it is one here, and no token; and it knows no tab.
func FuzzList(f *testing.F) {
	for _, seed := range []string{"keep-alive, Upgrade", "a\nb, c", ",a ,,b,\n,", "a b", `a, "b, c"`, "a, (b, c)", "a;b", "a,\u00a0b", "\ta\t,b", "a,\xff", ""} {
		f.Add(seed, []byte(nil))
		f.Add("", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, text string, choices []byte) {
		checkList(t, strings.Split(text, "\n"))
		c := test.NewChoices(choices)
		checkList(t, strings.Split(c.Repeat(8, func() string {
			return c.Pick("a", "Upgrade", "", "a b", `"a, b"`, "(c)", "a=b", "!#$%&'*+-.^_`|~", "\x7f", "\x00", "\u212a", "a;b", `\`) +
				c.Pick(",", " ,", ", ", "\n", " ", "\t,", ",,")
		}), "\n"))
	})
}

func checkList(t *testing.T, lines []string) {
	t.Helper()
	elements := header.List(lines)
	// httphead reads one line, as the lines of a list are joined (RFC 9110 5.3).
	joined := strings.ReplaceAll(strings.Join(lines, ","), "\t", " ")
	var theirs []string
	whole := httphead.ScanTokens([]byte(joined), func(token []byte) bool {
		theirs = append(theirs, string(token))
		return true
	})
	tokens := !slices.ContainsFunc(elements, func(e string) bool { return !header.IsToken(e) })
	if tokens && len(elements) > 0 && (!whole || !slices.Equal(theirs, elements)) {
		t.Errorf("%q: a list of tokens %q, to httphead %q, %t", lines, elements, theirs, whole)
	}
	if !whole {
		return
	}
	for _, element := range elements {
		words := strings.Fields(element)
		if len(theirs) < len(words) || !slices.Equal(theirs[:len(words)], words) {
			t.Fatalf("%q: %q has %q where httphead has %q", lines, elements, element, theirs)
		}
		theirs = theirs[len(words):]
	}
	if len(theirs) > 0 {
		t.Errorf("%q: %q lacks %q", lines, elements, theirs)
	}
}

// Every octet is a token character here or to httphead's table, or to neither.
func TestIsTokenOctets(t *testing.T) {
	for c := range 256 {
		if want := httphead.OctetTypes[byte(c)].IsToken(); header.IsToken(string([]byte{byte(c)})) != want {
			t.Errorf("IsToken(%#x) = %t", c, !want)
		}
	}
}
