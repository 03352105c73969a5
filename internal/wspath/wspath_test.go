package wspath_test

import (
	"strings"
	"testing"

	"wsticket/internal/wspath"
)

// TestParse: what can be a path, and what cannot.
func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"/ws": true, "/socket.io/": true, "/ws/chat/{room}": true, "/a/{b}/c/{d}/": true, "/ws/~x_-1": true,
		"": false, "/": false, "ws": false, "//ws": false, "/ws//": false, "/.ws": false, "/ws/..": false, "/ws?x": false, "/ws/%61": false,
		"/{room}": false, "/ws/{room}/{room}": false, "/ws/{}": false, "/ws/a{b}": false, "/ws/{b}c": false, "/ws/*": false, "/ws/a b": false,
		"/ws\n": false, "/ws/ä": false,
	} {
		if p, err := wspath.Parse(text); (err == nil) != want || want && p.String() != text {
			t.Errorf("%q: got %q, %v, want accepted = %v", text, p, err, want)
		}
	}
	patterns, err := wspath.ParseAll([]string{"/ws/{room}", "/ws/{name}/", "/.ws", "/ws"})
	if err == nil || strings.Count(err.Error(), "got") != 2 || len(patterns) != 2 {
		t.Errorf("got %v, %v, want two patterns and two faults", patterns, err)
	}
}

// TestMatch: a plain segment has one spelling, and a template stands for one plain
// segment. What is served by wsticket and what the proxies pass on is the same: see
// TestPathPatterns of package edgeconf.
func TestMatch(t *testing.T) {
	t.Parallel()
	for text, paths := range map[string]map[string]bool{
		"/ws/": {"/ws": true, "/ws/": true, "/ws//": false, "/WS": false, "/%77s": false, "/wsx": false, "": false, "ws": false, "/": false, "*": false},
		"/ws/chat/{room}": {
			"/ws/chat/general": true, "/ws/chat/general/": true, "/ws/chat/caf%C3%A9": true, "/ws/chat/a%20b%25c": true, "/ws/chat/a;b=c": true, "/ws/chat/a.b": true,
			"/ws/chat": false, "/ws/chat/": false, "/ws/chat//": false, "/ws/chat/a/b": false, "/ws/chat/.": false, "/ws/chat/..;": false,
			"/ws/chat/%2e%2e": false, "/ws/chat/a%2fb": false, "/ws/chat/a%5cb": false, `/ws/chat/a\b`: false, "/ws/chat/%00": false, "/ws/chat/a%0ab": false,
			"/ws/chat/%7F": false, "/ws/chat/%": false, "/ws/chat/%zz": false, "/ws/%63hat/a": false, "//ws/chat/a": false,
		},
	} {
		p, err := wspath.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range paths {
			if got := p.Match(path); got != want {
				t.Errorf("%s: %q: got %v, want %v", text, path, got, want)
			}
		}
	}
}

// table is a Table of the given owners and their paths, each as "owner path path".
func table(t *testing.T, owners ...string) *wspath.Table {
	t.Helper()
	all, err := addAll(owners)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func addAll(owners []string) (*wspath.Table, error) {
	all := wspath.NewTable(unescape)
	for _, line := range owners {
		words := strings.Fields(line)
		patterns, err := wspath.ParseAll(words[1:])
		if err == nil {
			err = all.Add(words[0], patterns)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// TestOverlap: of two paths that match one request, one has to be more specific,
// segment by segment, as in the mux of net/http.
func TestOverlap(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"/ws/{room}", "/ws/admin", true},
		{"/ws/admin", "/ws/{room}", true},
		{"/ws/{a}/{b}", "/ws/x/{b}", true},
		{"/ws/{a}", "/ws/{a}/{b}", true}, // of another length
		{"/ws/a/{x}", "/ws/b/{x}", true},
		{"/ws/a", "/ws/b", true},
		{"/ws/a", "/ws/a/", false},
		{"/ws/{a}", "/ws/{b}", false},
		{"/ws/{a}/x", "/ws/x/{b}", false},
		{"/ws/a", "/ws/A", false}, // an application that ignores case takes one for the other
		{"/ws/{a}/x", "/WS/x/{b}", false},
	} {
		if _, err := addAll([]string{"chat " + row.a, "admin " + row.b}); (err == nil) != row.want {
			t.Errorf("%s and %s: got %v, want accepted = %v", row.a, row.b, err, row.want)
		}
	}
	if _, err := addAll([]string{"chat /ws/{a}/x /ws/x/{b}"}); err != nil {
		t.Errorf("two paths of one owner: %v, want none", err)
	}
}

// TestOwner: a path is of the owner of the most specific pattern, and of nobody if
// an application could read it as a path of another owner. Each of the latter is an
// attack: the holder of a ticket for chat wants to be at admin.
func TestOwner(t *testing.T) {
	t.Parallel()
	all := table(t, "chat /ws/chat /ws/{room} /ws/{room}/in/{part}", "admin /ws/admin /ws/admin/in/{part} /admin/v1.2", "feed /feed/{a}/x /feed/x/{b}")
	for path, want := range map[string]string{
		"/ws/chat": "chat", "/ws/chat/": "chat", "/ws/general": "chat", "/ws/general/": "chat", "/ws/general/in/a": "chat", "/ws/CHAT": "chat",
		"/ws/caf%C3%A9%201": "chat", "/ws/100%25": "chat", "/ws/%23general%3Aexample.org": "chat", "/ws/a.b": "chat", "/ws/administrator": "chat",
		"/ws/xadmin": "chat", "/ws/a;x=admin": "chat", "/ws/chat;x": "chat", "/ws/%63hat": "chat", "/ws/admin/": "admin", "/ws/admin": "admin",
		"/ws/admin/in/a": "admin", "/ws/admin/in/A": "admin", "/admin/v1.2": "admin", "/feed/x/x": "feed", "/feed/a/x": "feed", "/feed/x/b": "feed",
		// Nobody's.
		"": "", "/": "", "ws/admin": "", "/ws": "", "/ws/": "", "/ws//": "", "//ws/admin": "", "/ws//admin": "", "/ws/admin//": "", "/ws/admin/x": "",
		"/feed": "", "/WS/admin": "", "/admin/V1.2": "", "/admin/v1.2;x": "", "*": "",
		// Percent-escapes.
		"/ws/%61dmin": "", "/ws/adm%69n": "", "/ws/%61%64%6d%69%6e": "", "/%77s/admin": "", "/ws/%2561dmin": "", "/ws/%252561dmin": "",
		"/ws/%61dmin/in/a": "", "/ws/general/%69n/a": "", "/ws/%zz": "", "/ws/%": "", "/ws/%6": "",
		// Escapes that are none, which some leave as they are.
		"/ws/%2561dmin;%25zz": "", "/ws/%2561dmin%3F%25": "", "/ws/%2561dmin.%25zz": "", "/ws/100%25;%25zz": "chat",
		// A segment that becomes several, or none.
		"/ws/..%2fadmin": "", "/ws/x%2f..%2fadmin": "", "/ws/x%252f..%252fadmin": "", "/ws/x%5c..%5cadmin": "", "/ws/x%255cadmin": "", `/ws/x\admin`: "",
		// Dot segments.
		"/ws/./admin": "", "/ws/../ws/admin": "", "/ws/x/../admin": "", "/ws/.": "", "/ws/..": "", "/ws/%2e%2e": "", "/ws/%252e": "", "/ws/.admin": "",
		// Parameters of a segment.
		"/ws/admin;": "", "/ws/admin;x=y": "", "/ws/admin%3Bx": "", "/ws/admin%253Bx": "", "/ws/;x/admin": "", "/ws/..;/admin": "", "/ws/admin;/in/a": "",
		// What ends a path for a program that parses it again.
		"/ws/admin%3F": "", "/ws/admin%3Fx": "", "/ws/admin%23": "", "/ws/admin%253Fx": "", "/ws/admin/in%3F/a": "",
		// Case, and letters that have it in common with ASCII.
		"/ws/ADMIN": "", "/ws/Admin": "", "/ws/aDMIN/": "", "/ws/ADMIN/in/a": "", "/ws/Admin;x": "", "/ws/%41dmin": "",
		"/ws/%EF%BD%81dmin": "", "/ws/admin%EF%BC%8Ejson": "", "/ws/ad%C2%ADmin": "", "/ws/%EF%BD%81": "chat", "/ws/a%EF%BC%8Fb": "chat", "/ws/%E2%80%8Fa": "chat",
		"/ws/adm%C4%B1n": "", "/ws/ADM%C4%B0N": "", "/ws/%c1%a1dmin": "", "/ws/%u0061dmin": "",
		// A format, and what Windows ignores at the end.
		"/ws/admin.": "", "/ws/admin.json": "", "/ws/ADMIN.Json": "", "/ws/admin%20": "", "/ws/admin%2e": "", "/ws/admin.%20": "",
		"/ws/%20admin": "", "/ws/admin%C2%A0": "",
		// Control characters.
		"/ws/admin%00": "", "/ws/%00admin": "", "/ws/admin%0a": "", "/ws/admin%0d%0ax": "", "/ws/admin%09": "", "/ws/admin%7f": "", "/ws/admin%2500": "", "/ws/\x00": "",
	} {
		if got, ok := all.Owner(path); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", path, got, ok, want)
		}
	}
}

// TestBelow: what is below a path of another owner is nobody's, if only a template
// makes it this one's.
func TestBelow(t *testing.T) {
	t.Parallel()
	all := table(t, "chat /ws/{room}/{part} /ws/{room}/{part}/{id} /x/{id}/chat", "admin /ws/admin /x/{id}")
	for path, want := range map[string]string{
		"/ws/a/b": "chat", "/ws/admin": "admin", "/ws/admin/b": "", "/ws/ADMIN/b": "", "/ws/admin;x/b": "", "/x/a": "admin", "/x/a/chat": "chat",
		// Segments of which nothing is left.
		"/ws/a/b/c": "chat", "/ws/a/b/;x": "chat", "/ws/a/b/%23general": "chat", "/ws/%20/b/c": "chat",
		"/ws/admin/;x/c": "", "/ws/;x/admin/c": "", "/ws/admin/%20/c": "", "/ws/%23/admin/c": "chat", "/x/;x/a/b": "",
	} {
		if got, _ := all.Owner(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

// TestOneOwner: where there is one owner only, nothing can be confused.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	all := table(t, "chat /ws/{room} /ws/admin")
	for path, want := range map[string]bool{"/ws/ADMIN": true, "/ws/%61dmin": true, "/ws/a%252fb": true, "/ws/a%2fb": false, "/x": false} {
		if _, ok := all.Owner(path); ok != want {
			t.Errorf("%q: got %v, want %v", path, ok, want)
		}
	}
	if wspath.NewTable(unescape).Empty() == all.Empty() {
		t.Error("a table with paths is as empty as one without")
	}
}

// FuzzOwner: the owner of a path that an application reads as /ws/admin is admin.
func FuzzOwner(f *testing.F) {
	for _, seed := range []string{"/ws/%61dmin", "/ws/ADMIN;x", "/ws/a%2fb", "/ws/admin%2500", "/ws/x/../admin"} {
		f.Add(seed)
	}
	all, err := addAll([]string{"chat /ws/{room}", "admin /ws/admin"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if owner, ok := all.Owner(path); ok && owner != "admin" && readAsAdmin(path) {
			t.Errorf("%q is %s's, and an application may read it as admin's", path, owner)
		}
	})
}
