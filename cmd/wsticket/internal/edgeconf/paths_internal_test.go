package edgeconf

import (
	"net/url"
	"regexp"
	"testing"
)

// TestPathPatterns: both patterns match what wsticket itself serves, and nothing
// that an application could read as another path.
func TestPathPatterns(t *testing.T) {
	t.Parallel()
	e := edge{Paths: []string{"/ws", "/socket.io/", "/ws/chat/{room}", "/a/{b}/c/{d}/"}}
	raw, decoded := regexp.MustCompile(e.RawPaths()), regexp.MustCompile(e.DecodedPaths())
	for path, want := range map[string]bool{
		"/ws": true, "/ws/": true, "/socket.io": true, "/socket.io/": true, "/ws/chat/general": true, "/ws/chat/general/": true,
		"/ws/chat/a.b..c": true, "/ws/chat/caf%C3%A9%201": true, "/ws/chat/%23a%3Ab.c": true, "/ws/chat/100%25": true,
		"/ws/chat/a;b=c": true, "/ws/chat/a:b@c!$&'()*+,=~": true, "/a/x/c/y": true,
		"/": false, "//ws": false, "/ws//": false, "/wsx": false, "/x/ws": false, "/WS": false, "/socketxio": false,
		"/ws/chat": false, "/ws/chat/": false, "/ws/chat//": false, "/ws/chat/a/b": false, "/ws/chat/.": false, "/ws/chat/..": false,
		"/ws/chat/..;": false, "/ws/chat/%2e%2E": false, "/ws/chat/%2F": false, "/ws/chat/a%2fb": false, "/ws/chat/a%5cb": false,
		"/ws/chat/a%5Cb": false, `/ws/chat/a\b`: false, "/ws/chat/%00": false, "/ws/chat/a%0ab": false, "/ws/chat/%7F": false,
		"/ws/chat/\x00": false, "/a//c/y": false, "/a/x/c/": false,
	} {
		if got := raw.MatchString(path); got != want {
			t.Errorf("as it was sent: %q: got %v, want %v", path, got, want)
		}
		plain, err := url.PathUnescape(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := decoded.MatchString(plain); got != want {
			t.Errorf("decoded: %q: got %v, want %v", plain, got, want)
		}
	}
}
