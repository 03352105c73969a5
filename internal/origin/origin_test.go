package origin_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/origin"
)

func newList(t *testing.T, entries ...string) *origin.List {
	t.Helper()
	list, err := origin.NewList(entries)
	if err != nil {
		t.Fatalf("NewList(%q): %v", entries, err)
	}
	return list
}

func TestListAllows(t *testing.T) {
	const app = "https://app.example.com"
	list := newList(t, app, "http://localhost:5173", "https://[2001:DB8:0::1]:8443", "HTTP://Plain.Example:80")
	for _, tt := range []struct {
		rule, value, want string // want "" is a refusal
	}{
		{"the configured origin itself", app, app},
		{"another configured one, with its port", "http://localhost:5173", "http://localhost:5173"},
		{"O5 the default port spelt out is the same origin (RFC 6454 4)", app + ":443", app},
		{"the default port of http likewise", "http://plain.example:80", "http://plain.example"},
		{"IPv6 in the spelling of browsers, whatever the configuration's", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
		{"O2 sandboxed frames and data: pages all send null", "null", ""},
		{"O3 another scheme is another origin", "http://app.example.com", ""},
		{"O3 nor does the other scheme's default port make it the same", "http://app.example.com:443", ""},
		{"O4 another port is another origin", app + ":8443", ""},
		{"the default port only once", app + ":443:443", ""},
		{"the port of http is not that of https", app + ":80", ""},
		{"a leading zero is another spelling", app + ":0443", ""},
		{"O6 browsers send lower case; nothing else is understood", "https://APP.example.com", ""},
		{"O6 the scheme likewise", "HTTPS://app.example.com", ""},
		{"O7 a trailing dot is another host", app + ".", ""},
		{"O8 a subdomain is another host", "https://evil.app.example.com", ""},
		{"O9 a prefix is no match", app + ".evil.io", ""},
		{"O10 a suffix is no match", "https://evilapp.example.com", ""},
		{"O11 user information before the host", "https://x@app.example.com", ""},
		{"O12 the host as user information of another", app + "@evil.com", ""},
		{"O13 a path", app + "/", ""},
		{"O13 a query", app + "?", ""},
		{"O14 a scheme that only looks like one", "javascript://app.example.com", ""},
		{"O15 no scheme", "//app.example.com", ""},
		{"O15 a bare host", "app.example.com", ""},
		{"O17 a list of two, good one first", app + ", https://evil.com", ""},
		{"O17 a list as in RFC 6454 6.2", app + " https://evil.com", ""},
		{"O18 an escape", app + "%00", ""},
		{"O18 a look-alike letter (Cyrillic а)", "https://аpp.example.com", ""},
		{"O18 its xn-- form", "https://xn--pp-6kc.example.com", ""},
		{"O18 another IPv6 spelling", "https://[2001:db8:0:0::1]:8443", ""},
		{"O18 loopback", "https://[::1]", ""},
		{"O18 a local file", "file://", ""},
		{"O18 ten thousand bytes", "https://" + strings.Repeat("a", 10_000), ""},
		{"white space around it", " " + app, ""},
		{"nothing", "", ""},
	} {
		if got, ok := list.Allows(tt.value); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: Allows(%.60q) = %q, %v, want %q", tt.rule, tt.value, got, ok, tt.want)
		}
	}
}

func TestEmptyListsAllowNothing(t *testing.T) {
	var missing *origin.List
	for name, list := range map[string]*origin.List{"nil": missing, "zero": {}, "no entries": newList(t)} {
		for _, value := range []string{"", "null", "https://app.example.com"} {
			if got, ok := list.Allows(value); ok || got != "" {
				t.Errorf("%s list: Allows(%q) = %q, %v, want a refusal", name, value, got, ok)
			}
		}
	}
}

func TestNewListRefuses(t *testing.T) {
	for _, tt := range []struct{ rule, entry string }{
		{"a wildcard for all", "*"},
		{"a wildcard host", "https://*"},
		{"a wildcard label", "https://*.example.com"},
		{"no scheme", "app.example.com"},
		{"a scheme-relative one", "//app.example.com"},
		{"a WebSocket scheme, which no page has", "wss://app.example.com"},
		{"a script", "javascript://app.example.com"},
		{"an application's scheme without a host", "app://"},
		{"an application's path", "app://index.html/x"},
		{"an application's user information", "app://x@localhost"},
		{"an application's port that is none", "app://localhost:x"},
		{"a scheme that begins with a digit", "1app://localhost"},
		{"a scheme with a blank", "my app://localhost"},
		{"a file", "file://"},
		{"the opaque origin", "null"},
		{"nothing", ""},
		{"no host", "https://"},
		{"a port without a host", "https://:8443"},
		{"a trailing slash, so that nobody thinks paths count", "https://app.example.com/"},
		{"a path behind a port", "https://app.example.com:8443/x"},
		{"a query", "https://app.example.com?x"},
		{"a fragment", "https://app.example.com#x"},
		{"user information", "https://x@app.example.com"},
		{"user and password", "https://x:1@app.example.com"},
		{"port zero", "https://app.example.com:0"},
		{"a port too large", "https://app.example.com:65536"},
		{"a port with a leading zero", "https://app.example.com:0443"},
		{"a port with a sign", "https://app.example.com:+443"},
		{"an empty port", "https://app.example.com:"},
		{"a trailing dot", "https://app.example.com."},
		{"an empty label", "https://app..example.com"},
		{"an international name not in its xn-- form", "https://bücher.example"},
		{"a letter that folds to another (Kelvin sign)", "https://\u212a.example"},
		{"white space", " https://app.example.com"},
		{"an open bracket", "https://[::1"},
		{"two open brackets", "https://[[::1]"},
		{"text behind the brackets", "https://[::1]x"},
		{"an IPv4 address in brackets", "https://[127.0.0.1]"},
		{"an IPv4-mapped address", "https://[::ffff:127.0.0.1]"},
		{"a zone", "https://[fe80::1%25lo]"},
		{"a name longer than DNS has", "https://" + strings.Repeat("a.", 127) + "aa"},
	} {
		if list, err := origin.NewList([]string{tt.entry}); err == nil || list != nil {
			t.Errorf("%s: NewList(%q) = %v, %v, want only an error", tt.rule, tt.entry, list, err)
		}
	}
}

// Applications in a WebView, and extensions, have schemes of their own. They are
// compared whole, too.
func TestOriginsOfApplications(t *testing.T) {
	entries := []string{
		"capacitor://localhost", "ionic://localhost", "tauri://localhost", "https://tauri.localhost", "app://.", "app://-",
		"app://obsidian.md", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "safari-web-extension://0A1B2C3D-AAAA-BBBB-CCCC-DDDDEEEEFFFF",
		"moz-extension://0a1b2c3d-aaaa-bbbb-cccc-ddddeeeeffff", "app://localhost:3000",
	}
	list := newList(t, entries...)
	for _, value := range entries {
		if got, ok := list.Allows(value); !ok || got != value {
			t.Errorf("Allows(%q) = %q, %v, want it as it is", value, got, ok)
		}
	}
	for _, value := range []string{
		"capacitor://localhost/", "capacitor://evil", "capacitor://localhost:80", "http://localhost", "ionic://localhost.evil.example",
		"chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba", "safari-web-extension://0a1b2c3d-aaaa-bbbb-cccc-ddddeeeeffff", "app://", "app://..", "null",
	} {
		if got, ok := list.Allows(value); ok {
			t.Errorf("Allows(%q) = %q, want a refusal", value, got)
		}
	}
	if got := newList(t, "APP://Localhost").Names(); !slices.Equal(got, []string{"app://Localhost"}) {
		t.Errorf("Names = %q, want the scheme in lower case and the host as it is", got)
	}
}

// A fault says what to write instead.
func TestFaultsOfOriginsAdvise(t *testing.T) {
	for entry, want := range map[string]string{
		"https://app.example.com/":            "write https://app.example.com",
		"https://App.Example.com:443/a/b?c":   "write https://app.example.com",
		"https://me@app.example.com#top":      "write https://app.example.com",
		"capacitor://localhost/":              "write capacitor://localhost",
		"app.example.com":                     "write https://app.example.com",
		"App.example.com:8443":                "write https://app.example.com:8443",
		"wss://App.example.com:443":           "write https://app.example.com",
		"null":                                "never allowed",
		"*":                                   "list each origin",
		"https://*.example.com":               "list each origin",
		"file://":                             "null",
		"https://bücher.example":              "xn--",
		"https://a.example,https://b.example": "an entry of its own",
	} {
		if _, err := origin.NewList([]string{entry}); err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("%s: %v, want it to say %q once", entry, err, want)
		}
	}
}

// A fault in a list has the advice once.
func TestNewListAdvisesOnce(t *testing.T) {
	_, err := origin.NewList([]string{"https://app.example.com/"})
	if err == nil || strings.Count(err.Error(), "write https://app.example.com") != 1 {
		t.Errorf("NewList = %v, want what to write, once", err)
	}
}

func TestNewListNamesEveryFault(t *testing.T) {
	_, err := origin.NewList([]string{"*", "https://good.example", "ftp://x/"})
	if err == nil {
		t.Fatal("NewList accepted two faulty entries")
	}
	for _, want := range []string{`origin "*":`, `origin "ftp://x/":`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not hold %q", err, want)
		}
	}
}

func TestFromHeader(t *testing.T) {
	for _, tt := range []struct {
		rule        string
		headers     []string
		value       string
		present, ok bool
	}{
		{"no header", nil, "", false, true},
		{"one header", []string{"https://a.example"}, "https://a.example", true, true},
		{"an empty header is there, and is no origin", []string{""}, "", true, true},
		{"O16 two headers are ambiguous", []string{"https://a.example", "https://evil.example"}, "", true, false},
		{"O16 in either order", []string{"https://evil.example", "https://a.example"}, "", true, false},
		{"twice the same is still two", []string{"https://a.example", "https://a.example"}, "", true, false},
	} {
		r := &http.Request{Header: http.Header{}}
		for _, value := range tt.headers {
			r.Header.Add("Origin", value)
		}
		value, present, ok := origin.FromHeader(r.Header)
		if value != tt.value || present != tt.present || ok != tt.ok {
			t.Errorf("%s: FromHeader = %q, %v, %v, want %q, %v, %v", tt.rule, value, present, ok, tt.value, tt.present, tt.ok)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	list := newList(t, "https://app.example.com")
	for _, row := range []struct {
		rule         string
		values       []string
		allowMissing bool
		want         string
		ok           bool
	}{
		{"one of the list", []string{"https://app.example.com"}, false, "https://app.example.com", true},
		{"in canonical form", []string{"https://app.example.com:443"}, false, "https://app.example.com", true},
		{"none, where one is needed", nil, false, "", false},
		{"none, where none is needed", nil, true, "", true},
		{"an empty one is there", []string{""}, true, "", false},
		{"a foreign one, where none is needed", []string{"https://evil.example"}, true, "", false},
		{"two, also of the list", []string{"https://app.example.com", "https://app.example.com"}, true, "", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if row.values != nil {
			r.Header["Origin"] = row.values
		}
		got, ok := list.Check(r.Header, row.allowMissing)
		if ok != row.ok || ok && got != row.want {
			t.Errorf("%s: got %q, %v, want %q, %v", row.rule, got, ok, row.want, row.ok)
		}
	}
}
