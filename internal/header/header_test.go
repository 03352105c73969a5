package header_test

import (
	"errors"
	"slices"
	"testing"

	"wsticket/internal/header"
)

func TestCookies(t *testing.T) {
	tests := []struct {
		rule  string
		lines []string
		want  []string
		err   error
	}{
		{"none", nil, nil, nil},
		{"alone", []string{"sid=abc"}, []string{"abc"}, nil},
		{"among others", []string{"a=1; sid=abc; b=2"}, []string{"abc"}, nil},
		{"without blanks", []string{"a=1;sid=abc"}, []string{"abc"}, nil},
		{"an equals sign belongs to the value", []string{"sid=a=b"}, []string{"a=b"}, nil},
		{"others may be malformed", []string{`x; "; =; sid=abc`}, []string{"abc"}, nil},
		{"names are case-sensitive", []string{"SID=abc"}, nil, nil},
		{"a longer name is another one", []string{"sid2=abc; xsid=abc"}, nil, nil},
		{"twice", []string{"sid=a; sid=b"}, []string{"a", "b"}, nil},
		{"twice over two lines", []string{"sid=a", "sid=b"}, []string{"a", "b"}, nil},
		{"no value", []string{"sid="}, nil, header.ErrCookie},
		{"no equals sign", []string{"sid"}, nil, header.ErrCookie},
		{"quoted", []string{`sid="abc"`}, nil, header.ErrCookie},
		{"a blank within", []string{"sid=a b"}, nil, header.ErrCookie},
		{"a comma, which some take for a separator", []string{"sid=a,sid=b"}, nil, header.ErrCookie},
		{"not ASCII", []string{"sid=ä"}, nil, header.ErrCookie},
	}
	for _, tt := range tests {
		got, err := header.Cookies(tt.lines, "sid")
		if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.rule, got, err, tt.want, tt.err)
		}
	}
}

func TestWithoutCookie(t *testing.T) {
	tests := []struct {
		rule        string
		lines, want []string
	}{
		{"none", nil, nil},
		{"alone", []string{"sid=x"}, nil},
		{"among others", []string{"a=1; sid=x; b=2"}, []string{"a=1; b=2"}},
		{"twice, over two lines", []string{"sid=x; sid=y", "a=1;sid=z"}, []string{"a=1"}},
		{"malformed cookies of other names stay", []string{"SID=x; =; sid2=y"}, []string{"SID=x; =; sid2=y"}},
		{"without a value", []string{"sid; a=1"}, []string{"a=1"}},
	}
	for _, tt := range tests {
		if got := header.WithoutCookie(tt.lines, "sid"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.rule, got, tt.want)
		}
	}
}

func TestList(t *testing.T) {
	for rule, row := range map[string]struct{ lines, want []string }{
		"none":                        {nil, nil},
		"over lines, with blanks":     {[]string{"a, b", "\tc "}, []string{"a", "b", "c"}},
		"empty elements mean nothing": {[]string{"a,,b", "", " ,c\t,"}, []string{"a", "b", "c"}},
	} {
		if got := header.List(row.lines); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", rule, got, row.want)
		}
	}
}

func TestTokens(t *testing.T) {
	for s, want := range map[string]bool{"app.v1": true, "a!~": true, "": false, "a b": false, "a=": false, "ä": false, "a\x00": false} {
		if header.IsToken(s) != want {
			t.Errorf("IsToken(%q) = %t", s, !want)
		}
	}
	if !header.ContainsFold([]string{"x", "UPGRADE"}, "Upgrade") || header.ContainsFold([]string{"up"}, "upgrade") {
		t.Error("ContainsFold does not compare whole elements without case")
	}
}

func TestSet(t *testing.T) {
	h := map[string][]string{"Cookie": {"a=b"}}
	header.Set(h, "Cookie", nil)
	header.Set(h, "X", []string{"1", "2"})
	if _, there := h["Cookie"]; there || !slices.Equal(h["X"], []string{"1", "2"}) {
		t.Errorf("got %v, want X alone", h)
	}
}
