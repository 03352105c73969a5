package identity_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/identity"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// grant is what a redemption at the time now yields; edit may change it.
func grant(edit func(*ticket.Grant)) ticket.Grant {
	g := ticket.Grant{
		ID: "4B8xiXBODIlsV0VSjvtzly", Audience: "chat", Scope: "chat.read",
		Identity: ticket.Identity{
			Issuer: test.Issuer, Subject: "u-1", SessionID: "s-1", TokenID: "t-1",
			Audience: []string{"ws", "other"}, Scope: "chat.read chat.write",
			Claims: map[string]any{
				"email": "a@example.com", "groups": []any{"admins", "users"}, "preferred_username": "alice", "name": "Alice",
			},
		},
		ConnectionExpiresAt: now.Add(time.Hour + 700*time.Millisecond).In(time.FixedZone("", 3600)),
	}
	if edit != nil {
		edit(&g)
	}
	return g
}

func mustNew(t testing.TB, o identity.Options) *identity.Forwarder {
	t.Helper()
	if o.Now == nil {
		o.Now = clock
	}
	f, err := identity.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return f
}

func preset(t testing.TB, name string) map[string]string {
	t.Helper()
	headers, known := identity.HeaderPreset(name)
	if !known {
		t.Fatalf("no preset %s", name)
	}
	return headers
}

func mustHeaders(t testing.TB, f *identity.Forwarder, g ticket.Grant) http.Header {
	t.Helper()
	header, err := f.Headers(g)
	if err != nil {
		t.Fatalf("Headers: %v", err)
	}
	return header
}

func TestHeadersOfPresets(t *testing.T) {
	t.Parallel()
	always := map[string]string{"X-Wsticket-Id": "4B8xiXBODIlsV0VSjvtzly", "X-Wsticket-Expires": "2026-11-23T13:00:00Z"}
	for name, want := range map[string]map[string]string{
		"x-auth-request": {
			"X-Auth-Request-User": "u-1", "X-Auth-Request-Email": "a@example.com",
			"X-Auth-Request-Groups": "admins,users", "X-Auth-Request-Preferred-Username": "alice",
		},
		"x-forwarded": {
			"X-Forwarded-User": "u-1", "X-Forwarded-Email": "a@example.com",
			"X-Forwarded-Groups": "admins,users", "X-Forwarded-Preferred-Username": "alice",
		},
		"remote": {"Remote-User": "u-1", "Remote-Groups": "admins,users", "Remote-Name": "Alice", "Remote-Email": "a@example.com"},
	} {
		f := mustNew(t, identity.Options{Headers: preset(t, name)})
		maps.Copy(want, always)
		got := mustHeaders(t, f, grant(nil))
		for header, value := range want {
			if !slices.Equal(got[header], []string{value}) {
				t.Errorf("%s: got %s %q, want %q", name, header, got[header], value)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: got %v, want no more than %v", name, got, want)
		}
		// Headers without a claim are set too, so that one that a client sent
		// cannot pass for ours.
		bare := mustHeaders(t, f, grant(func(g *ticket.Grant) { g.Identity.Claims = nil }))
		if len(bare) != len(want) {
			t.Errorf("%s: without claims: got %v, want every header", name, bare)
		}
		wantNames := append(slices.Collect(maps.Keys(want)), "X-Wsticket-Assertion")
		slices.Sort(wantNames)
		if got := f.Names(); !slices.Equal(got, wantNames) {
			t.Errorf("%s: got names %q, want %q", name, got, wantNames)
		}
	}
	if _, known := identity.HeaderPreset("x-unknown"); known {
		t.Error("got headers of an unknown preset")
	}
}

func TestHeadersOfAMap(t *testing.T) {
	t.Parallel()
	f := mustNew(t, identity.Options{Headers: map[string]string{
		"sub": "x-user", "iss": "X-Issuer", "sid": "X-Session", "scope": "X-Scope", "aud": "X-Endpoint", "tenant": "X-TENANT",
	}})
	got := mustHeaders(t, f, grant(func(g *ticket.Grant) {
		g.Identity.Claims = map[string]any{"sub": "admin", "aud": "x", "tenant": 7.0}
	}))
	for header, want := range map[string]string{
		"X-User": "u-1", "X-Issuer": test.Issuer, "X-Session": "s-1", "X-Scope": "chat.read", "X-Endpoint": "chat", "X-Tenant": "7",
	} {
		if got.Get(header) != want {
			t.Errorf("%s: got %q, want %q", header, got.Get(header), want)
		}
	}
	names := f.Names()
	names[0] = "changed"
	if slices.Contains(f.Names(), "changed") {
		t.Error("Names returned the same list twice")
	}
}

// TestNoHeaders: with none configured, our three are still removed, and two of
// them set.
func TestNoHeaders(t *testing.T) {
	t.Parallel()
	f := mustNew(t, identity.Options{})
	if got, want := f.Names(), []string{"X-Wsticket-Assertion", "X-Wsticket-Expires", "X-Wsticket-Id"}; !slices.Equal(got, want) {
		t.Errorf("got names %q, want %q", got, want)
	}
	if got := mustHeaders(t, f, grant(nil)); len(got) != 2 {
		t.Errorf("got %v, want ID and end", got)
	}
	if f.KeySet() != nil {
		t.Errorf("got the key set %s, want none", f.KeySet())
	}
}

// TestHeaderValues: R47, L1 to L4 in headers. Each value has one meaning.
func TestHeaderValues(t *testing.T) {
	t.Parallel()
	f := mustNew(t, identity.Options{Headers: map[string]string{"c": "X-C"}})
	for _, row := range []struct {
		rule  string
		claim any
		want  string
	}{
		{"a text", "a@example.com", "a@example.com"},
		{"blanks within stay", "Alice B. Cooper", "Alice B. Cooper"},
		{"a blank at either end would be cut off", " alice ", "%20alice%20"},
		{"blanks alone", "  ", "%20%20"},
		{"one blank", " ", "%20"},
		{"a comma in a text", "Cooper, Alice", "Cooper%2C Alice"},
		{"a percent sign", "100%", "100%25"},
		{"what looks escaped", "%2C", "%252C"},
		{"UTF-8", "Zoë", "Zo%C3%AB"},
		{"beyond the BMP", "🦊", "%F0%9F%A6%8A"},
		{"a new line and a header", "a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"},
		{"a tab", "a\tb", "a%09b"},
		{"a NUL", "a\x00", "a%00"},
		{"a DEL", "a\x7f", "a%7F"},
		{"quotes, semicolons, backslashes are printable", `a";\b`, `a";\b`},
		{"a list", []any{"a", "b"}, "a,b"},
		{"a list of one is that one", []any{"a"}, "a"},
		{"a comma in an element", []any{"x,admins", "b"}, "x%2Cadmins,b"},
		{"a blank before an element, which some trim", []any{"a", " admins"}, "a,%20admins"},
		{"empty elements are none", []any{"", "a", "", nil}, "a"},
		{"an empty list", []any{}, ""},
		{"null", nil, ""},
		{"an empty text", "", ""},
		{"true", true, "true"},
		{"false, which is not nothing", false, "false"},
		{"a number", 42.0, "42"},
		{"a large number", 1795435200.0, "1795435200"},
		{"a fraction", 0.5, "0.5"},
		{"a list of numbers", []any{1.0, 2.0}, "1,2"},
		{"an object is JSON", map[string]any{"a": 1.0, "b": []any{}}, `{"a":1%2C"b":[]}`},
		{"a list in a list is JSON", []any{[]any{"a", "b"}}, `["a"%2C"b"]`},
		{"4096 bytes", strings.Repeat("a", 4096), strings.Repeat("a", 4096)},
	} {
		got := mustHeaders(t, f, grant(func(g *ticket.Grant) { g.Identity.Claims = map[string]any{"c": row.claim} }))
		if got.Get("X-C") != row.want {
			t.Errorf("%s: got %q, want %q", row.rule, got.Get("X-C"), row.want)
		}
	}
}

// TestTooLargeOrEmpty: a list of groups is not truncated, because it would be
// another list.
func TestTooLargeOrEmpty(t *testing.T) {
	t.Parallel()
	f := mustNew(t, identity.Options{Headers: map[string]string{"sub": "X-User", "c": "X-C"}})
	claim := func(value any) func(*ticket.Grant) {
		return func(g *ticket.Grant) { g.Identity.Claims = map[string]any{"c": value} }
	}
	for _, row := range []struct {
		rule string
		edit func(*ticket.Grant)
		want string
	}{
		{"4097 bytes", claim(strings.Repeat("a", 4097)), "identity_too_large"},
		{"4097 bytes once they are escaped", claim(strings.Repeat("ä", 683)), "identity_too_large"},
		{"a list of as many", claim([]any{strings.Repeat("a", 4000), strings.Repeat("b", 97)}), "identity_too_large"},
		{"nobody", func(g *ticket.Grant) { g.Identity.Subject = "" }, "identity_empty"},
		{"nobody's", func(g *ticket.Grant) { g.Identity.Issuer = "" }, "identity_empty"},
		{"no connection", func(g *ticket.Grant) { g.ID = "" }, "identity_empty"},
	} {
		header, err := f.Headers(grant(row.edit))
		if ticket.Reason(err) != row.want || header != nil {
			t.Errorf("%s: got %v, %v, want %s", row.rule, header, err, row.want)
		}
		if err != nil && len(err.Error()) > 100 {
			t.Errorf("%s: the error quotes the identity: %v", row.rule, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for rule, name := range map[string]string{
		"empty": "", "with a blank": "X User", "with a colon": "X-User:", "with a new line": "X-User\r\nX-Admin",
		"an underscore, which some take for a dash": "X_User", "a dash at its end": "X-User-", "two dashes": "X--User",
		"a digit first": "1-User", "not ASCII": "X-Üser", "65 bytes": "X-" + strings.Repeat("a", 63),
		"hop-by-hop": "Connection", "hop-by-hop in lower case": "transfer-encoding", "te": "TE", "upgrade": "Upgrade",
		"a proxy's": "Proxy-Authorization", "the client's credential": "Authorization", "its cookies": "Cookie",
		"its host": "Host", "the browser's": "Sec-WebSocket-Key", "the page's": "Origin", "the body's": "Content-Length",
		"a proxy's word on the address": "X-Forwarded-For", "on the scheme": "X-Forwarded-Proto", "ours": "X-Wsticket-Id",
		"ours in another case": "x-wsticket-assertion", "the request's": "X-Request-Id", "a cookie for the client": "Set-Cookie",
	} {
		_, err := identity.New(identity.Options{Headers: map[string]string{"sub": name}})
		if err == nil || !strings.HasPrefix(err.Error(), "identity: Headers: sub: must be a header") {
			t.Errorf("%s: got %v, want a fault", rule, err)
		}
	}
	for rule, row := range map[string]struct {
		o    identity.Options
		want string
	}{
		"one header for two claims": {
			identity.Options{Headers: map[string]string{"sub": "X-User", "email": "x-user"}},
			"identity: Headers: email and sub are both in X-User",
		},
		"an empty claim":               {identity.Options{Headers: map[string]string{"": "X-User"}}, "identity: Headers: must not name an empty claim"},
		"an audience without a key":    {identity.Options{AssertionAudience: "app"}, "identity: AssertionAudience: needs an assertion key file"},
		"a key without an audience":    {identity.Options{AssertionKeyFile: "f", Issuer: "x"}, "identity: AssertionAudience: must be 1 to 255 bytes"},
		"a key without a public URL":   {identity.Options{AssertionKeyFile: "f", AssertionAudience: "app"}, "identity: Issuer: required with an assertion key file"},
		"a key file that is not there": {identity.Options{AssertionKeyFile: "/gone", AssertionAudience: "app", Issuer: "x"}, `identity: AssertionKeyFile: no such file: /gone`},
	} {
		f, err := identity.New(row.o)
		if err == nil || f != nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want it to say %q", rule, err, row.want)
		}
	}
}

// TestUsersOfSeveralIssuers: an application that gets sub without iss would take
// the alice of one issuer for that of another.
func TestUsersOfSeveralIssuers(t *testing.T) {
	t.Parallel()
	key := test.WriteFile(t, "key.pem", test.PrivatePEM(edKey()))
	both := []string{"https://b.example", "https://a.example", "https://b.example"}
	for _, row := range []struct {
		rule string
		o    identity.Options
		want string // header for iss in the fault
	}{
		{"sub", identity.Options{Headers: map[string]string{"sub": "X-User"}, Issuers: both}, "X-User-Issuer"},
		{"sub, and the name is taken", identity.Options{Headers: map[string]string{"sub": "X-User", "tenant": "x-user-issuer"}, Issuers: both}, "X-Identity-Issuer"},
		{"a preset", identity.Options{Headers: preset(t, "remote"), Issuers: both}, "Remote-User-Issuer"},
		{"a name that is as ambiguous", identity.Options{Headers: map[string]string{"email": "X-Email"}, Issuers: both}, "X-User-Issuer"},
		{"with the issuer", identity.Options{Headers: map[string]string{"sub": "X-User", "iss": "X-Iss"}, Issuers: both}, ""},
		{"the ticket's alone", identity.Options{Headers: map[string]string{"aud": "X-Aud", "scope": "X-Scope"}, Issuers: both}, ""},
		{"no header", identity.Options{Issuers: both}, ""},
		{"an assertion", identity.Options{Headers: preset(t, "remote"), Issuers: both, AssertionKeyFile: key, AssertionAudience: "app", Issuer: publicURL}, ""},
		{"one issuer twice", identity.Options{Headers: preset(t, "remote"), Issuers: []string{"a", "a"}}, ""},
		{"nobody says which", identity.Options{Headers: preset(t, "remote")}, ""},
	} {
		_, err := identity.New(row.o)
		ambiguous, ok := errors.AsType[*identity.AmbiguousError](err)
		if ok != (row.want != "") || !ok && err != nil {
			t.Errorf("%s: got %v", row.rule, err)
			continue
		}
		if !ok {
			continue
		}
		if ambiguous.Headers["iss"] != row.want || !slices.Equal(ambiguous.Issuers, []string{"https://a.example", "https://b.example"}) {
			t.Errorf("%s: got %+v, want %s for iss", row.rule, ambiguous, row.want)
		}
		row.o.Headers = ambiguous.Headers
		mustNew(t, row.o)
	}
}

// FuzzHeaderValues: any two texts in a list are restored by splitting at commas
// and undoing the percent-encoding, which every language can do.
func FuzzHeaderValues(f *testing.F) {
	for _, seed := range [][2]string{{"a", "b"}, {"a,b", "%2C"}, {"", " "}, {"ä\r\n", "\x00\xff"}, {"%", "%%41"}} {
		f.Add(seed[0], seed[1])
	}
	forwarder := mustNew(f, identity.Options{Headers: map[string]string{"c": "X-C"}})
	f.Fuzz(func(t *testing.T, a, b string) {
		header, err := forwarder.Headers(grant(func(g *ticket.Grant) { g.Identity.Claims = map[string]any{"c": []any{a, b}} }))
		if err != nil {
			if len(a)+len(b) < 4096/3-1 {
				t.Errorf("%q, %q: got %v", a, b, err)
			}
			return
		}
		value := header.Get("X-C")
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Trim(value, " ") != value {
			t.Errorf("%q, %q: got %q, want printable ASCII that nobody trims", a, b, value)
		}
		var got, want []string
		for part := range strings.SplitSeq(value, ",") {
			text, err := url.PathUnescape(part)
			if err != nil {
				t.Fatalf("%q: %v", value, err)
			}
			got = append(got, text)
		}
		for _, text := range []string{a, b} {
			if text != "" {
				want = append(want, text)
			}
		}
		if value == "" {
			got = nil
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q back, want %q (%s)", got, want, fmt.Sprint(header))
		}
	})
}
