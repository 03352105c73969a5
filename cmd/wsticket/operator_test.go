package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/test"
)

// operated is a configuration with a key for operators, and the file of the key.
func (p provider) operated(t testing.TB) (config, keyFile string) {
	t.Helper()
	digest := sha256.Sum256([]byte("ops-key"))
	text := strings.Replace(mustRead(t, p.config(t, "memory:")), `internal: {`,
		fmt.Sprintf("internal: {api_keys: [{name: ops, sha256: %q, scopes: [revoke, read]}], ", hex.EncodeToString(digest[:])), 1)
	return test.WriteFile(t, "wsticket.yaml", text), test.WriteFile(t, "ops.key", "ops-key\n")
}

// codeOf waits for the end of a connection and returns its code.
func codeOf(t testing.TB, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	_, _, err := conn.Read(t.Context())
	return websocket.CloseStatus(err)
}

// TestConnectionsCommand: wsticket connections lists those of a user, of everybody
// only if that is said, and cuts one and no other.
func TestConnectionsCommand(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	config, key := idp.operated(t)
	p := start(t, "serve", "--config", config)
	alice := issue(t, p.public, idp.bearer(t, "alice"))
	first, _, _ := dial(t, alice.URL, nil)
	second, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "bob")).URL, nil)
	command := func(args ...string) (string, error) {
		t.Helper()
		args = append([]string{"connections", "--url", "http://" + p.internal, "--key-file", key}, args...)
		out, _, err := runIn(t, nil, args...)
		return out, err
	}
	for _, row := range []struct {
		args []string
		want int
		has  string
	}{
		{[]string{"--all"}, 2, "sub=bob"},
		{[]string{"--all", "--max", "1"}, 1, "sub="},
		{[]string{"--sub", "alice"}, 1, alice.TicketID + " sub=alice iss="},
		{[]string{"--sub", "carol"}, 0, ""},
		{[]string{"--sid", "none"}, 0, ""},
	} {
		out, err := command(row.args...)
		if got := strings.Count(out, "\n"); err != nil || got != row.want || !strings.Contains(out, row.has) {
			t.Errorf("%v: %d lines, %v, want %d with %q\n%s", row.args, got, err, row.want, row.has, out)
		}
	}
	for _, args := range [][]string{nil, {"--all", "--cut=" + alice.TicketID}, {"--all", "--max", "0"}} {
		if _, err := command(args...); err == nil {
			t.Errorf("%v: no error, want wrong usage", args)
		} else if _, usage := errors.AsType[usageError](err); !usage {
			t.Errorf("%v: %v, want wrong usage", args, err)
		}
	}
	if _, err := command("--cut=" + alice.TicketID); err != nil {
		t.Fatal(err)
	}
	if code := codeOf(t, first); code != 4003 {
		t.Errorf("the one that was cut: closed with %d, want 4003", code)
	}
	if err := second.Ping(second.CloseRead(t.Context())); err != nil {
		t.Errorf("the other one: %v, want that it is open", err)
	}
	test.Wait(t, "it is not listed any more", func() bool {
		out, err := command("--sub", "alice")
		return err == nil && out == ""
	})
	if _, err := command("--cut=" + alice.TicketID); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("once more: %v, want not found", err)
	}
}

// TestDrainCommand: wsticket drain closes what is open with 1001 and returns then. The
// service says that it drains, refuses handshakes, and still ends by a signal.
func TestDrainCommand(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	config, key := idp.operated(t)
	p := start(t, "serve", "--config", config, "--set", "ws.drain_window=0s")
	conn, _, _ := dial(t, issue(t, p.public, idp.bearer(t, "alice")).URL, nil)
	late := issue(t, p.public, idp.bearer(t, "alice"))
	closed := make(chan websocket.StatusCode, 1)
	go func() { closed <- codeOf(t, conn) }()
	if _, _, err := runIn(t, nil, "drain", "--url", "http://"+p.internal, "--key-file", key, "--delay", "-1s"); err == nil {
		t.Error("a negative delay: no error, want wrong usage")
	}
	out, _, err := runIn(t, nil, "drain", "--url", "http://"+p.internal, "--key-file", key, "--delay", "100ms")
	if want := "drained 1 of 1 connections, 0 of them cut\n"; err != nil || out != want {
		t.Errorf("drain = %q, %v, want %q", out, err, want)
	}
	if code := <-closed; code != websocket.StatusGoingAway {
		t.Errorf("closed with %d, want 1001", code)
	}
	if a := send(t, http.MethodGet, "http://"+p.internal+"/readyz", "", ""); a.status != 503 || !strings.Contains(a.body, `"detail":"draining"`) {
		t.Errorf("/readyz = %d %s, want draining", a.status, a.body)
	}
	if _, _, res := dial(t, late.URL, nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a handshake after it: status %d, want 503", res.StatusCode)
	}
	if err := p.stop(t); err != nil {
		t.Errorf("serve ended with %v, want exit status 0\n%s", err, p.stderr)
	}
}

// A drain that waits ends its wait when the service gets its signal.
func TestSignalEndsDelayOfDrain(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	config, key := idp.operated(t)
	p := start(t, "serve", "--config", config, "--set", "ws.drain_window=0s")
	done := make(chan error, 1)
	go func() {
		_, _, err := runIn(t, nil, "drain", "--url", "http://"+p.internal, "--key-file", key, "--delay", "10m")
		done <- err
	}()
	p.stderr.WaitFor(t, `"msg":"asked to drain"`)
	if err := p.stop(t); err != nil {
		t.Errorf("serve ended with %v, want exit status 0\n%s", err, p.stderr)
	}
	if err := <-done; err != nil {
		t.Errorf("drain = %v, want that it was done", err)
	}
}
