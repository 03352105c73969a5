package gate

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	golangjwt "github.com/golang-jwt/jwt/v5"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// FuzzRawQuery compares the query parser with net/url, which decodes names, with
// a reader that splits at semicolons, with the patterns of proxies, which decode
// nothing, and with the parser of golang-jwt.
//
//   - What we find they find, all of them, and nothing else (both ways).
//   - Where we find nothing and refuse nothing, none of them finds a ticket.
//   - A bearer that any of them finds is refused as one.
//   - What all of them read in the same way is refused only if it has a bearer.
func FuzzRawQuery(f *testing.F) {
	for _, seed := range []string{
		"ticket=wst1_abc", "a=b&ticket=x&c", "ticket=a&ticket=b", "Ticket=a", "tick%65t=a&ticket=b", "ticket=a;b",
		"ticket=%41", "a=%zz&ticket=x", "+ticket=x", "access_token=x", "x=" + unsigned, "a;ticket=b", "ticket", "=ticket=",
		"t\u0131cket=x", "t\u0130cket=x", "acce\u017f\u017f_token=x", "to\u212aen=x", strings.Repeat("\xb5", 300) + "%",
	} {
		f.Add(seed, []byte(nil))
		f.Add("", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw string, choices []byte) {
		checkQueryReading(t, raw)
		checkQueryReading(t, someQuery(test.NewChoices(choices)))
	})
}

// someQuery makes a query out of names, values and separators that are read in
// more than one way.
func someQuery(c *test.Choices) string {
	name := func() string {
		return c.Pick("", "a", "ticket", "Ticket", "tick%65t", "tick%45t", "+ticket", "ticket%20", "ticket[]", "tic%E2%84%AAet", "t\u0131cket",
			"%74icket", "token", "access_token", "access%5Ftoken", "%zz", "?ticket", "tickets", unsigned, "t%C4%B1cket", "ticket\x00", "\xa0ticket")
	}
	value := func() string {
		return c.Pick("", "x", "wst1_abc", "%41", "%", "a+b", "a=b", "ticket=x", unsigned, "Bearer%20"+unsigned, "\"", "#", "\xff", "%26ticket=y")
	}
	return c.Repeat(5, func() string {
		return c.Pick("&", "&", ";", "&&", "") + name() + c.Pick("=", "=", "", "%3D", "==") + value()
	})
}

// unsigned is a JWT that golang-jwt parses without a key.
const unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."

// proxyPattern is what a proxy removes or redacts.
var proxyPattern = regexp.MustCompile(`(^|&)ticket=[^&]*`)

func checkQueryReading(t *testing.T, raw string) {
	t.Helper()
	value, found, reason := inQuery(raw, "ticket")
	if reason != "" && (found || value != "") {
		t.Fatalf("%q: refused for %q together with %q", raw, reason, value)
	}
	asURL, errURL := url.ParseQuery(raw)
	asForm, errForm := url.ParseQuery(strings.ReplaceAll(raw, ";", "&"))
	tickets := max(countAlike(asURL, "ticket"), countAlike(asForm, "ticket"))
	bearer := hasBearer(asURL) || hasBearer(asForm)
	switch {
	case bearer && reason != inURL:
		t.Errorf("%q: a bearer is not refused as one: %q, found %t", raw, reason, found)
	case found:
		checkFoundInQuery(t, raw, value, tickets)
	case reason == "" && tickets > 0:
		t.Errorf("%q: others find %d tickets, we none", raw, tickets)
	case reason == "query" && errURL == nil && errForm == nil && tickets == 1 && len(proxyPattern.FindAllString(raw, -1)) == 1 &&
		!strings.Contains(raw, ";") && !strings.Contains(proxyPattern.FindString(raw), "%"):
		t.Errorf("%q: everybody finds the same ticket, and we refuse it", raw)
	}
}

// checkFoundInQuery checks a ticket that was found, and that it can be removed.
func checkFoundInQuery(t *testing.T, raw, value string, tickets int) {
	t.Helper()
	if strings.ContainsAny(value, "&;%") || tickets != 1 {
		t.Errorf("%q: value %q, of %d tickets", raw, value, tickets)
	}
	// net/url drops pairs with a semicolon, which are none of ours.
	all, _ := url.ParseQuery(raw)
	if got := all["ticket"]; len(got) != 1 || got[0] != strings.ReplaceAll(value, "+", " ") {
		t.Errorf("%q: net/url finds %q, we found %q", raw, got, value)
	}
	delete(all, "ticket")
	proxied, _ := url.ParseQuery(proxyPattern.ReplaceAllString(raw, ""))
	removed, _ := url.ParseQuery(withoutTickets(raw, "ticket"))
	if !reflect.DeepEqual(proxied, all) {
		t.Errorf("%q: a proxy leaves %q, want %q", raw, proxied, all)
	}
	if harmless := withoutTokens(all); !reflect.DeepEqual(removed, harmless) {
		t.Errorf("%q: we leave %q, want %q", raw, removed, harmless)
	}
}

// withoutTokens returns the pairs that hold no ticket: we remove all that do, and
// a proxy only the one that has the name.
func withoutTokens(all url.Values) url.Values {
	harmless := url.Values{}
	for name, values := range all {
		for _, value := range values {
			if !ticket.MayHoldToken(name + "=" + value) {
				harmless.Add(name, value)
			}
		}
	}
	return harmless
}

// countAlike counts the values under a name and under those that some reader takes
// for it: one that trims, or compares without case, by upper or by lower case.
func countAlike(all url.Values, name string) int {
	count, upper := 0, strings.ToUpper(name)
	for other, values := range all {
		other = strings.TrimSpace(other)
		if strings.EqualFold(other, name) || strings.ToUpper(other) == upper || strings.ToLower(other) == name {
			count += len(values)
		}
	}
	return count
}

// hasBearer reports whether a parameter is called as bearers are, or a name or
// value is a JWT to golang-jwt.
func hasBearer(all url.Values) bool {
	if countAlike(all, "access_token")+countAlike(all, "token") > 0 {
		return true
	}
	for name, values := range all {
		for _, text := range append(values, name) {
			if _, _, err := golangjwt.NewParser().ParseUnverified(text, golangjwt.MapClaims{}); err == nil {
				return true
			}
		}
	}
	return false
}
