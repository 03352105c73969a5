package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// withLogout is a configuration whose issuer sends logout tokens.
func (p provider) withLogout(t testing.TB, storeURL, logout string) string {
	t.Helper()
	text := strings.Replace(mustRead(t, p.config(t, storeURL)), "audience: [ws],", "audience: [ws], logout: {"+logout+"},", 1)
	return test.WriteFile(t, "wsticket.yaml", text)
}

// logoutToken is one of the provider as Keycloak makes them.
func (p provider) logoutToken(t testing.TB, typ, sub, jti string, at time.Time) string {
	t.Helper()
	return p.sign(t, typ, fmt.Sprintf(`{"iss":"https://id.example.com","aud":"web","sub":%q,"sid":"s-1","jti":%q,"iat":%d,"exp":%d,`+
		`"typ":"Logout","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`, sub, jti, at.Unix(), at.Unix()+120))
}

// logOut sends a logout token to a process.
func (p *process) logOut(t testing.TB, token string) answer {
	t.Helper()
	return exchange(t, http.MethodPost, "http://"+p.public+"/backchannel-logout", url.Values{"logout_token": {token}}.Encode(),
		"Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
}

// TestBackchannelLogout: a logout token that one process gets ends the connections of
// the user in all of them, and counts once in all of them. A newer sign-in is good.
func TestBackchannelLogout(t *testing.T) {
	t.Parallel()
	idp, redis := newProvider(t), testenv.Redis(t)
	config := idp.withLogout(t, redis.URL(), "client_ids: [web], match: sub")
	a, b := start(t, "serve", "--config", config), start(t, "serve", "--config", config)
	now := time.Now()
	old := idp.bearerAt(t, "alice", now.Add(-time.Minute))
	here, _, _ := dial(t, issue(t, a.public, old).URL, nil)
	there, _, _ := dial(t, issue(t, b.public, old).URL, nil)
	fresh, _, _ := dial(t, issue(t, b.public, idp.bearerAt(t, "alice", now)).URL, nil)
	bob, _, _ := dial(t, issue(t, b.public, idp.bearerAt(t, "bob", now.Add(-time.Minute))).URL, nil)

	token := idp.logoutToken(t, "logout+jwt", "alice", "j-1", now.Add(-30*time.Second))
	if got := a.logOut(t, token); got.status != http.StatusOK || got.body != "" || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %v %s, want 200 without a body", got.status, got.header, got.body)
	}
	for which, conn := range map[string]*websocket.Conn{"of this process": here, "of the other process": there} {
		if code, reason := closing(t, conn); code != 4003 || reason != "wsticket: revoked" {
			t.Errorf("%s: closed with %d %q, want 4003", which, code, reason)
		}
	}
	for which, conn := range map[string]*websocket.Conn{"a newer bearer": fresh, "another user": bob} {
		if err := conn.Ping(conn.CloseRead(t.Context())); err != nil {
			t.Errorf("the connection of %s: %v, want that it is open", which, err)
		}
	}
	if got := send(t, http.MethodPost, "http://"+b.public+"/ws-ticket", old, ""); got.status != http.StatusUnauthorized {
		t.Errorf("the old bearer: status %d, want 401", got.status)
	}
	for which, p := range map[string]*process{"this process": a, "the other process": b} {
		if got := p.logOut(t, token); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"error":"invalid_request"`) {
			t.Errorf("the same token again, %s: got %d %s, want 400", which, got.status, got.body)
		}
	}
	if got := b.logOut(t, idp.logoutToken(t, "logout+jwt", "nobody", "j-2", now)); got.status != http.StatusOK {
		t.Errorf("a user who is not connected: got %d %s, want 200", got.status, got.body)
	}
	if got := b.logOut(t, idp.logoutToken(t, "JWT", "bob", "j-3", now)); got.status != http.StatusBadRequest {
		t.Errorf("another typ: got %d %s, want 400", got.status, got.body)
	}
	for p, series := range map[*process][]string{
		a: {`wsticket_logout_tokens_total{outcome="logged_out"} 1`, `wsticket_logout_tokens_total{outcome="refused"} 1`},
		b: {`wsticket_logout_tokens_total{outcome="unmatched"} 1`, `wsticket_logout_tokens_total{outcome="refused"} 2`},
	} {
		metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
		for _, s := range series {
			if !strings.Contains(metrics, s) {
				t.Errorf("the metrics have no %s", s)
			}
		}
	}
}

// TestBackchannelLogoutOptions: the path is there where an issuer has clients, and
// any_type takes what older providers send.
func TestBackchannelLogoutOptions(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	now := time.Now()
	p := start(t, "serve", "--config", idp.withLogout(t, "memory:", "client_ids: [web], any_type: true"))
	if got := p.logOut(t, idp.logoutToken(t, "JWT", "alice", "j-1", now)); got.status != http.StatusOK {
		t.Errorf("any_type: got %d %s, want 200", got.status, got.body)
	}
	p.stderr.WaitFor(t, `"msg":"revocation"`, `"source":"backchannel_logout"`, `"by":"sid"`)
	off := start(t, "serve", "--config", idp.config(t, "memory:"))
	if got := off.logOut(t, idp.logoutToken(t, "logout+jwt", "alice", "j-1", now)); got.status != http.StatusNotFound {
		t.Errorf("without client_ids: got %d %s, want 404", got.status, got.body)
	}
}
