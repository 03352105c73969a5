package header_test

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/header"
	"wsticket/internal/test"
)

// FuzzSessionCookies compares the reader of cookies with those of net/http. Lines
// of the input are lines of the header.
//
//   - A value that we return is one that net/http has, or the chunks that it has,
//     and it has no other one under that name.
//   - What net/http.ParseCookie reads without a fault is the same here, in the same
//     order: each cookie of the session's name, or of a chunk, that has a value.
//   - What is removed for the application is removed for net/http, too, and
//     nothing else is.
//
// The differences: a value with a blank or a comma is one to net/http, and a fault
// here (RFC 6265 4.1.1), because other parsers split there; net/http leaves out
// what is malformed, here a session cookie that is malformed is a fault; net/http
// reads no more than 3000 cookies, and keeps blanks behind the equals sign, which
// are no part of a value (RFC 6265 5.2): they are removed before it reads.
func FuzzSessionCookies(f *testing.F) {
	for _, seed := range []string{
		"sid=a; sid.0=b", `sid="a"; b`, "sid=chunks-2; sidC1=a;sidC2=b", "sid.1=;;=", "sid.00=a; sid.0=b",
		"sid=a\nsid=b", "sid=a; sid=\"a\"", "sid=a b", "sid=a,sid=b", "sid =a;\tsid= b", `sid="`, `sid=""`, "sid", "s\x00id=a", "sid=a\x7f",
		"a=1; sid=x; b=2", "sid=a\\; sid=a", "sid= v ; sid=v", `sid= "v"`, "sid=chunks-\xfb;sidC1", `sid="chunks-;sidC1=a`, "sid.0=a; sid.1=b; sid.2=", "\u00a0sid=a",
	} {
		f.Add(seed, []byte(nil))
		f.Add("", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, text string, choices []byte) {
		text = strings.ReplaceAll(text, "\r", "") // no header has one; net/http trims it
		if strings.Count(text, "\n")+strings.Count(text, ";") > 2000 {
			return
		}
		checkCookies(t, strings.Split(text, "\n"))
		checkCookies(t, strings.Split(someCookies(test.NewChoices(choices)), "\n"))
	})
}

func someCookies(c *test.Choices) string {
	return c.Repeat(6, func() string {
		name := c.Pick("sid", "sid", "a", "sid.0", "sid.1", "sid.00", "sidC1", "sidC2", "SID", "", " sid", "sid\t", "sid.x", `"sid"`, "\xa0sid", "sid.")
		value := c.Pick("v", "v", "w", "", `"v"`, `""`, `"`, "chunks-1", "chunks-2", `"chunks-1"`, "v w", "v,w", "v=w", `v\`, "\xff", "\x7f", " v ", "chunks-x", `"v w"`)
		return name + c.Pick("=", "=", "=", "") + value + c.Pick("; ", ";", "\n", ";;", " ; ", "\t;")
	})
}

var (
	// familyName is "sid" and the names of its chunks, with those of ASP.NET Core.
	familyName     = regexp.MustCompile(`^sid(\.[0-9]+|C[0-9]+)?$`)
	familyNameAuth = regexp.MustCompile(`^sid(\.[0-9]+)?$`)
	// chunksCookie is a cookie that says that there are some, however malformed.
	chunksCookie = regexp.MustCompile(`(^|;)[ \t]*sid[ \t]*=[ \t]*(chunks-|"chunks-[^;]*"[ \t]*(;|$))`)
)

func checkCookies(t *testing.T, lines []string) {
	t.Helper()
	all := requestCookies(lines)
	chunked := slices.ContainsFunc(lines, chunksCookie.MatchString)
	inFamily := func(c *http.Cookie) bool {
		return familyNameAuth.MatchString(c.Name) || chunked && familyName.MatchString(c.Name)
	}
	family := header.SessionCookies(lines, "sid")
	value, err := header.SessionValue(family, "sid")
	switch {
	case len(family) == 0:
	case err == nil:
		checkCookieValue(t, lines, value, all)
	case value != "" || !errors.Is(err, header.ErrCookie) && !errors.Is(err, header.ErrAmbiguous):
		t.Errorf("%q: %q together with %v", lines, value, err)
	}
	checkSameCookies(t, lines, family, inFamily)
	checkCookiesRemoved(t, lines, all, inFamily)
}

// checkCookieValue checks a value that is not refused.
func checkCookieValue(t *testing.T, lines []string, value string, all []*http.Cookie) {
	t.Helper()
	parts := make(map[string]string)
	for _, c := range all {
		if c.Value == "" || !familyName.MatchString(c.Name) {
			continue
		}
		if before, twice := parts[c.Name]; twice && before != c.Value && (c.Name[3:] == "" || c.Name[3] == '.') {
			t.Errorf("%q: %q, but net/http finds %s twice", lines, value, c.Name)
		}
		parts[c.Name] = c.Value
	}
	if parts["sid"] != value && !isJoined(parts, value) {
		t.Errorf("%q: %q, net/http has %q", lines, value, parts)
	}
	if !header.IsCookieValue(value) || strings.ContainsAny(value, " ,;\"\\") {
		t.Errorf("%q: %q has what another parser may take for the end of it", lines, value)
	}
}

// isJoined reports whether a value is what chunks have in the order of their
// numbers. One that is left from before may follow.
func isJoined(parts map[string]string, value string) bool {
	auth := parts["sid.0"] + parts["sid.1"] + parts["sid.2"]
	return value == auth || strings.HasPrefix(parts["sidC1"]+parts["sidC2"], value)
}

// checkSameCookies compares what is found with what ParseCookie finds, which
// refuses whatever is malformed.
func checkSameCookies(t *testing.T, lines []string, family []header.Cookie, inFamily func(*http.Cookie) bool) {
	t.Helper()
	var want, got []string
	for _, line := range lines {
		cookies, err := http.ParseCookie(withoutBlanks(line))
		if err != nil {
			return
		}
		for _, c := range cookies {
			if inFamily(c) && c.Value != "" {
				want = append(want, c.Name+"="+c.Value)
			}
		}
	}
	for _, c := range family {
		text := c.Value
		if len(text) > 1 && strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`) {
			text = text[1 : len(text)-1]
		}
		got = append(got, c.Name+"="+text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q: found %q, net/http finds %q", lines, got, want)
	}
}

// checkCookiesRemoved checks what the application gets.
func checkCookiesRemoved(t *testing.T, lines []string, all []*http.Cookie, inFamily func(*http.Cookie) bool) {
	t.Helper()
	left := header.WithoutSession(lines, "sid")
	if again := header.SessionCookies(left, "sid"); again != nil {
		t.Errorf("%q: left %q", lines, again)
	}
	theirs := func(cookies []*http.Cookie) (texts []string) {
		for _, c := range cookies {
			if !inFamily(c) {
				texts = append(texts, c.String())
			}
		}
		return texts
	}
	after := requestCookies(left)
	if slices.ContainsFunc(after, inFamily) || !slices.Equal(theirs(after), theirs(all)) {
		t.Errorf("%q: the application gets %q of %q", lines, after, all)
	}
}

func requestCookies(lines []string) []*http.Cookie {
	h := http.Header{}
	for _, line := range lines {
		h.Add("Cookie", withoutBlanks(line))
	}
	return (&http.Request{Header: h}).Cookies()
}

var blanksBeforeValue = regexp.MustCompile(`(^|;)([^;=]*=)[ \t]+`)

func withoutBlanks(line string) string { return blanksBeforeValue.ReplaceAllString(line, "$1$2") }
