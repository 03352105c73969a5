package header_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/header"
)

func TestSessionCookies(t *testing.T) {
	tests := []struct {
		rule   string
		lines  []string
		family string // joined by "; "
		value  string
		err    error
	}{
		{"alone", []string{"sid=abc"}, "sid=abc", "abc", nil},
		{"among others", []string{"a=1; sid=abc; b=2"}, "sid=abc", "abc", nil},
		{"without blanks", []string{"a=1;sid=abc"}, "sid=abc", "abc", nil},
		{"an equals sign belongs to the value", []string{"sid=a=b"}, "sid=a=b", "a=b", nil},
		{"others may be malformed", []string{`x; "; =; sid=abc`}, "sid=abc", "abc", nil},
		{"a longer name is another one", []string{"sid=abc; sid2=x; xsid=y; sid.x=z; sid.=z; sidC1=z"}, "sid=abc", "abc", nil},
		{"quoted", []string{`sid="abc"`}, `sid="abc"`, "abc", nil},
		{"twice the same", []string{"sid=a; sid=a"}, "sid=a; sid=a", "a", nil},
		{"twice the same, once quoted", []string{`sid=a; sid="a"`}, `sid=a; sid="a"`, "a", nil},
		{"an empty one beside it, of a session that ended on another path", []string{`sid=; sid=a; sid=""`}, "sid=a", "a", nil},
		{"twice", []string{"sid=a; sid=b"}, "sid=a; sid=b", "", header.ErrAmbiguous},
		{"twice over two lines", []string{"sid=a", "sid=b"}, "sid=a; sid=b", "", header.ErrAmbiguous},
		{"a blank within", []string{"sid=a b"}, "sid=a b", "", header.ErrCookie},
		{"a comma, which some take for a separator", []string{"sid=a,sid=b"}, "sid=a,sid=b", "", header.ErrCookie},
		{"not ASCII", []string{"sid=ä"}, "sid=ä", "", header.ErrCookie},
		{"an open quote", []string{`sid="a`}, `sid="a`, "", header.ErrCookie},

		{"chunks of Auth.js", []string{"sid.0=ab; a=1; sid.1=cd"}, "sid.0=ab; sid.1=cd", "abcd", nil},
		{"in another order", []string{"sid.1=cd; sid.0=ab"}, "sid.1=cd; sid.0=ab", "abcd", nil},
		{"eleven", []string{"sid.10=k; sid.9=j; sid.8=i; sid.7=h; sid.6=g; sid.5=f; sid.4=e; sid.3=d; sid.2=c; sid.1=b; sid.0=a"}, "*", "abcdefghijk", nil},
		{"a chunk is missing", []string{"sid.0=ab; sid.2=cd"}, "sid.0=ab; sid.2=cd", "", header.ErrCookie},
		{"the first is", []string{"sid.1=cd"}, "sid.1=cd", "", header.ErrCookie},
		{"a chunk twice", []string{"sid.0=ab; sid.0=xy"}, "sid.0=ab; sid.0=xy", "", header.ErrAmbiguous},
		{"whole and in chunks", []string{"sid=a; sid.0=b"}, "sid=a; sid.0=b", "", header.ErrAmbiguous},
		{"chunks of ASP.NET Core", []string{"sid=chunks-2; sidC1=ab; sidC2=cd"}, "sid=chunks-2; sidC1=ab; sidC2=cd", "abcd", nil},
		{"one more of them is left from before", []string{"sid=chunks-1; sidC1=ab; sidC2=cd"}, "*", "ab", nil},
		{"one of them is missing", []string{"sid=chunks-2; sidC1=ab"}, "*", "", header.ErrCookie},
		{"more than anybody has", []string{"sid=chunks-99999999; sidC1=ab"}, "*", "", header.ErrCookie},
		{"no number of them", []string{"sid=chunks-x; sidC1=ab"}, "*", "", header.ErrCookie},
	}
	for _, tt := range tests {
		family := header.SessionCookies(tt.lines, "sid")
		var sent []string
		for _, c := range family {
			sent = append(sent, c.String())
		}
		if got := strings.Join(sent, "; "); tt.family != "*" && got != tt.family {
			t.Errorf("%s: found %q, want %q", tt.rule, got, tt.family)
		}
		if got, err := header.SessionValue(family, "sid"); got != tt.value || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.rule, got, err, tt.value, tt.err)
		}
	}
	for _, lines := range [][]string{nil, {""}, {"SID=abc"}, {"sid="}, {"sid"}, {`sid=""`}, {"a=sid=1"}} {
		if got := header.SessionCookies(lines, "sid"); got != nil {
			t.Errorf("%q: found %q, want none", lines, got)
		}
	}
}

func TestWithoutSession(t *testing.T) {
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
		{"chunks of Auth.js", []string{"sid.0=x; sid.1=; a=1; sid.x=2"}, []string{"a=1; sid.x=2"}},
		{"chunks of ASP.NET Core", []string{"sidC1=x; sidC2=y; a=1", "sid=chunks-2"}, []string{"a=1"}},
		{"somebody else's", []string{"sidC1=x; sid=y"}, []string{"sidC1=x"}},
	}
	for _, tt := range tests {
		if got := header.WithoutSession(tt.lines, "sid"); !slices.Equal(got, tt.want) {
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

func TestWithoutEmpty(t *testing.T) {
	lines := []string{"", "a,,b", " ,\t,", "c"}
	if got, want := header.WithoutEmpty(lines), []string{"a,,b", "c"}; !slices.Equal(got, want) || lines[0] != "" {
		t.Errorf("got %q of %q, want %q", got, lines, want)
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
	if !header.EqualFold("WebSocket", "websocket") || header.EqualFold("websoc\u212aet", "websocket") {
		t.Error("EqualFold does not fold ASCII letters alone")
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
