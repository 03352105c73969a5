package token68_test

import (
	"regexp"
	"testing"

	"wsticket/internal/token68"
)

func TestValid(t *testing.T) {
	for _, row := range []struct {
		rule, text string
		want       bool
	}{
		{"a JWT", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", true},
		{"a ticket", "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht", true},
		{"padding at the end", "YQ==", true},
		{"nothing", "", false},
		{"padding alone", "==", false},
		{"padding inside", "a=b", false},
		{"a second blank before it", " a", false},
		{"two in a list", "a,b", false},
		{"parameters", `realm="x"`, false},
		{"a line break", "a\n", false},
		{"a letter beyond ASCII", "é", false},
	} {
		if got := token68.Valid(row.text); got != row.want {
			t.Errorf("%s: got %t, want %t", row.rule, got, row.want)
		}
	}
}

// FuzzValid compares Valid with the grammar of RFC 6750.
func FuzzValid(f *testing.F) {
	grammar := regexp.MustCompile(`\A[A-Za-z0-9._~+/-]+=*\z`)
	for _, seed := range []string{"", "a", "a==", "a=b", "é", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := token68.Valid(s), grammar.MatchString(s); got != want {
			t.Errorf("Valid(%q) = %t, want %t", s, got, want)
		}
	})
}
