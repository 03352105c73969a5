package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
)

// withOperator is a configuration with a key that may revoke, and the file of the key.
func (p provider) withOperator(t testing.TB, storeURL string) (config, keyFile string) {
	t.Helper()
	digest := sha256.Sum256([]byte("ops-key"))
	text := strings.Replace(mustRead(t, p.config(t, storeURL)), `internal: {`,
		fmt.Sprintf("internal: {api_keys: [{name: ops, sha256: %q, scopes: [revoke, read]}], ", hex.EncodeToString(digest[:])), 1)
	return test.WriteFile(t, "wsticket.yaml", text), test.WriteFile(t, "ops.key", "ops-key\n")
}

// closing waits for the end of a connection and returns its code and reason.
func closing(t testing.TB, conn *websocket.Conn) (websocket.StatusCode, string) {
	t.Helper()
	_, _, err := conn.Read(t.Context())
	closed, _ := errors.AsType[websocket.CloseError](err)
	return closed.Code, closed.Reason
}

// TestRevoke: wsticket revoke ends the connections of a user and of nobody else,
// voids the tickets, and refuses the bearer at every door; a newer bearer is good.
func TestRevoke(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	config, key := idp.withOperator(t, "memory:")
	p := start(t, "serve", "--config", config)
	old, fresh := idp.bearerAt(t, "alice", time.Now().Add(-time.Minute)), idp.bearer(t, "alice")
	alice, _, _ := dial(t, issue(t, p.public, old).URL, nil)
	again, _, _ := dial(t, "ws://"+p.public+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + old}}})
	renewed, hello, _ := dial(t, issue(t, p.public, fresh).URL, nil)
	bob, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "bob")).URL, nil)
	pending := issue(t, p.public, old)

	out, _, err := runIn(t, []string{"WSTICKET_KEY_FILE=" + key}, "revoke", "--url", "http://"+p.internal, "--sub", "alice", "--before", "30s", "--reason", "disabled")
	if err != nil || !strings.HasPrefix(out, "revoked ") {
		t.Fatalf("revoke = %q, %v", out, err)
	}
	for which, conn := range map[string]*websocket.Conn{"by a ticket": alice, "by the bearer": again} {
		if code, reason := closing(t, conn); code != 4003 || reason != "wsticket: revoked" {
			t.Errorf("%s: closed with %d %q, want 4003", which, code, reason)
		}
	}
	if _, _, res := dial(t, pending.URL, nil); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the pending ticket: status %d, want 401", res.StatusCode)
	}
	if a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", old, ""); a.status != http.StatusUnauthorized {
		t.Errorf("the old bearer: status %d, want 401", a.status)
	}
	for which, conn := range map[string]*websocket.Conn{"a newer bearer": renewed, "another user": bob} {
		if err := conn.Ping(conn.CloseRead(t.Context())); err != nil {
			t.Errorf("the connection of %s: %v, want that it is open", which, err)
		}
	}
	p.stderr.WaitFor(t, `"msg":"revocation"`, `"caller":"key:ops"`, `"by":"sub"`, `"why":"disabled"`)

	third, _, _ := dial(t, issue(t, p.public, fresh).URL, nil)
	if _, _, err = runIn(t, nil, "revoke", "--url", "http://"+p.internal, "--key-file", key, "--ticket", hello.ConnectionID, "--action", "recheck"); err != nil {
		t.Fatal(err)
	}
	if err := third.Ping(third.CloseRead(t.Context())); err != nil {
		t.Errorf("another connection of the same bearer: %v, want that it is open", err)
	}
	metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
	for _, series := range []string{
		`wsticket_revocations_total{action="end",by="sub",reason="ok",source="api"} 1`,
		`wsticket_revoked_connections_total{action="end"} 2`, `wsticket_revoked_connections_total{action="recheck"} 1`, "wsticket_revocations_active 2",
	} {
		if !strings.Contains(metrics, series) {
			t.Errorf("the metrics have no %s", series)
		}
	}
}

// What is wrong with a call is said with what to change, and never with the key.
func TestRevokeFaults(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	config, key := idp.withOperator(t, "memory:")
	p := start(t, "serve", "--config", config)
	wrong, empty := test.WriteFile(t, "wrong.key", "SECRET-WRONG"), test.WriteFile(t, "empty.key", "\n")
	url := "http://" + p.internal
	for rule, row := range map[string]struct {
		args  []string
		says  string
		usage bool
	}{
		"no key":              {[]string{"--url", url, "--sub", "a"}, "--key-file", true},
		"no such file":        {[]string{"--url", url, "--sub", "a", "--key-file", "/nowhere/key"}, "--key-file", false},
		"an empty file":       {[]string{"--url", url, "--sub", "a", "--key-file", empty}, "must hold one key", false},
		"a wrong key":         {[]string{"--url", url, "--sub", "a", "--key-file", wrong}, "internal.api_keys", false},
		"no URL":              {[]string{"--url", "localhost", "--sub", "a", "--key-file", key}, "--url", true},
		"nobody there":        {[]string{"--url", "http://127.0.0.1:1", "--sub", "a", "--key-file", key}, "--url says where", false},
		"the public listener": {[]string{"--url", "http://" + p.public, "--sub", "a", "--key-file", key}, "internal listener", false},
		"nobody":              {[]string{"--url", url, "--key-file", key}, "everybody", false},
		"two at once":         {[]string{"--url", url, "--sub", "a", "--sid", "b", "--key-file", key}, "only one of", false},
		"no time":             {[]string{"--url", url, "--sub", "a", "--before", "noon", "--key-file", key}, "--before", true},
		"the future":          {[]string{"--url", url, "--sub", "a", "--before", "2100-01-01T00:00:00Z", "--key-file", key}, "future", false},
	} {
		_, _, err := runIn(t, nil, append([]string{"revoke"}, row.args...)...)
		if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: revoke says %v, want %q in it", rule, err, row.says)
			continue
		}
		if _, usage := errors.AsType[usageError](err); usage != row.usage {
			t.Errorf("%s: revoke says %v: a fault of usage: %v, want %v", rule, err, usage, row.usage)
		}
	}
}
