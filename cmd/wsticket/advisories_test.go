package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// The tests of advisories in docs/security.md that no other test shows.

// TestNoEntranceTakesAnUnverifiedToken: what is verified at one entrance is verified at
// each. Eclipse ioFog decoded the JWT of an upgrade without verifying it
// (CVE-2026-113620), and relay-server admitted whoever left it out (CVE-2026-42889).
func TestNoEntranceTakesAnUnverifiedToken(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), "--set", everyDoor, "--set", "session.cookie=sid", "--set", "session.jwt=true")
	good := idp.bearer(t, "alice")
	parts, other := strings.Split(good, "."), strings.Split(idp.bearer(t, "mallory"), ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	tokens := map[string]string{
		"none":                         "",
		"the claims of somebody else":  parts[0] + "." + other[1] + "." + parts[2],
		"of another key":               newProvider(t).bearer(t, "alice"),
		"without a signature":          parts[0] + "." + parts[1] + ".",
		"that says it needs none":      none + "." + parts[1] + ".",
		"that has ended":               idp.bearerAt(t, "alice", time.Now().Add(-2*time.Hour)),
		"that is no JWT, but is there": "x",
	}
	for entrance, admits := range p.entrances() {
		if !admits(t, good) {
			t.Errorf("%s: the token of a user is refused", entrance)
		}
		for what, token := range tokens {
			if admits(t, token) {
				t.Errorf("%s: a token is let in: %s", entrance, what)
			}
		}
	}
}

// entrances lists the ways in for a bearer, each with a function that says whether it is
// let in.
func (p *process) entrances() map[string]func(t testing.TB, token string) bool {
	bearer := func(token string) []string {
		if token == "" {
			return nil
		}
		return []string{"Authorization", "Bearer " + token}
	}
	socket := func(t testing.TB, header ...string) bool {
		options := &websocket.DialOptions{HTTPHeader: http.Header{}}
		for i := 0; i < len(header); i += 2 {
			options.HTTPHeader.Set(header[i], header[i+1])
		}
		_, hello, _ := dial(t, "ws://"+p.public+"/ws", options)
		return hello.UserID != ""
	}
	return map[string]func(testing.TB, string) bool{
		"POST /ws-ticket": func(t testing.TB, token string) bool {
			return exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", bearer(token)...).status == http.StatusCreated
		},
		"the door header": func(t testing.TB, token string) bool {
			// Without a credential, the handshake would wait for a first message.
			return token != "" && socket(t, bearer(token)...)
		},
		"the door cookie": func(t testing.TB, token string) bool {
			return token != "" && socket(t, "Cookie", "sid="+token, "Origin", pageOrigin)
		},
		"the door first_message": func(t testing.TB, token string) bool {
			_, text, err := sayFirst(t.Context(), t, p.public, authMessage(token))
			return err == nil && strings.Contains(text, "auth_ok")
		},
		"a question of nginx": func(t testing.TB, token string) bool {
			return exchange(t, http.MethodGet, "http://"+p.internal+"/auth/nginx", "", append([]string{
				"X-Original-URI", "/ws", "X-Original-Method", "GET", "X-Forwarded-Host", "localhost", "X-Forwarded-Proto", "https",
				"X-Forwarded-For", "203.0.113.5", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
			}, bearer(token)...)...).status == http.StatusOK
		},
	}
}

// TestOnlyAdmittedHandshakesAreRelayed: the application behind the relay gets handshakes
// of ws.path that have been let in, and nothing else. In jupyter-server-proxy
// (GHSA-w3vc-fx9p-wp4v) and Dockhand (CVE-2026-57169) the proxy checked HTTP, and forgot
// WebSockets. Nor can a client name another application, as in Portainer
// (CVE-2018-12678).
func TestOnlyAdmittedHandshakesAreRelayed(t *testing.T) {
	t.Parallel()
	var asked, elsewhere atomic.Int32
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusTeapot) // passed on to the client
	}))
	t.Cleanup(application.Close)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "ws.upstream="+application.URL)
	bearer := idp.bearer(t, "alice")
	authorized := []string{"Authorization", "Bearer " + bearer}
	for what, ask := range map[string]func() int{
		"a page":                       func() int { return exchange(t, "GET", "http://"+p.public+"/index.html", "", authorized...).status },
		"the path without a handshake": func() int { return exchange(t, "GET", "http://"+p.public+"/ws", "", authorized...).status },
		"a form":                       func() int { return exchange(t, "POST", "http://"+p.public+"/ws", "a=b", authorized...).status },
		"a handshake at another path":  func() int { return p.shake(t, "/admin", http.Header{"Authorization": {"Bearer " + bearer}}) },
		"a handshake of nobody":        func() int { return p.shake(t, "/ws", nil) },
		"a handshake with a forgery": func() int {
			return p.shake(t, "/ws", http.Header{"Authorization": {"Bearer " + bearer[:len(bearer)-9]}})
		},
	} {
		if status := ask(); status == http.StatusTeapot || asked.Load() != 0 {
			t.Fatalf("%s: answered with %d, and the application was asked %d times", what, status, asked.Load())
		}
	}
	// A client that was let in reaches this application, whatever else it names.
	host := strings.TrimPrefix(other.URL, "http://")
	for name, value := range map[string]string{
		"X-Forwarded-Host": host, "X-Forwarded-Server": host, "Forwarded": "host=" + host, "X-Original-URL": other.URL, "X-Rewrite-URL": other.URL,
	} {
		before := asked.Load()
		status := p.shake(t, "/ws?host="+host+"&url="+other.URL+"&nodeName="+host, http.Header{"Authorization": {"Bearer " + bearer}, name: {value}})
		if status != http.StatusTeapot || asked.Load() != before+1 {
			t.Errorf("%s: answered with %d, want what the application says", name, status)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("a server that clients have named was asked %d times", n)
	}
}

// shake makes a handshake for a target and returns the status of the answer.
func (p *process) shake(t testing.TB, target string, header http.Header) int {
	t.Helper()
	conn, res, err := websocket.Dial(t.Context(), "ws://"+p.public+target, &websocket.DialOptions{HTTPHeader: header})
	if err == nil {
		_ = conn.CloseNow()
	}
	if res == nil {
		t.Fatalf("%s: %v", target, err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}
