//go:build e2e

package snippets_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
)

const (
	backendKey = "5f0c1e2d3b4a59687786950a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e"
	page       = "https://app.example.com"
	// strange is a ticket that was never issued.
	strange = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht"
)

// house is a wsticket that knows a backend's key, and the bearer of a user.
type house struct {
	addresses
	bearer string
}

func newHouse(t *testing.T, more ...string) house {
	t.Helper()
	program, dir := buildServer(t), t.TempDir()
	key := newP256(t)
	private, public := writeFile(t, dir, "issuer.pem", privatePEM(t, key)), writeFile(t, dir, "issuer.pub.pem", publicPEM(t, key))
	digest := sha256.Sum256([]byte(backendKey))
	h := house{addresses: serve(t, program, append([]string{
		"--set", "issuers=[{issuer: \"https://id.example.com\", audience: [ws], algorithms: [ES256], public_key_file: " + public + "}]",
		"--set", "internal.api_keys=[{name: chat, sha256: \"" + hex.EncodeToString(digest[:]) + "\", scopes: [consume, revoke]}]",
		"--set", "origins=" + page, "--set", "ticket.ttl=60s", "--set", "ticket.retry_window=10s", "--set", "limits.per_address=0",
	}, more...)...)}
	out, err := exec.CommandContext(t.Context(), program, "token", "--sub", "alice", "--key", private,
		"--issuer", "https://id.example.com", "--audience", "ws").Output()
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	h.bearer = strings.TrimSpace(string(out))
	return h
}

// issue gets a ticket for a page, or for a program if the origin is empty.
func (h house) issue(t *testing.T, origin string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.public+"/ws-ticket", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.bearer)
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var issued struct{ Ticket string }
	if err := json.NewDecoder(res.Body).Decode(&issued); err != nil || issued.Ticket == "" {
		t.Fatalf("issue: got %d, %v, want a ticket", res.StatusCode, err)
	}
	return issued.Ticket
}

// awaitListener waits until a server listens at an address.
func awaitListener(t *testing.T, addr string) {
	t.Helper()
	test.Wait(t, "a server listens at "+addr, func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// greeted presents a ticket to a host and returns the first message, which is JSON in a
// text frame, without blanks; or it returns the status of a refusal.
func greeted(t *testing.T, addr, host, ticket, origin string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	options := &websocket.DialOptions{Host: host, HTTPHeader: http.Header{}}
	if origin != "" {
		options.HTTPHeader.Set("Origin", origin)
	}
	conn, res, err := websocket.Dial(ctx, "ws://"+addr+"/ws?ticket="+ticket, options) //nolint:bodyclose // not needed, says Dial
	if err != nil {
		if res == nil {
			t.Fatal(err)
		}
		return fmt.Sprint(res.StatusCode)
	}
	defer func() { _ = conn.CloseNow() }()
	kind, text, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var message bytes.Buffer
	if err := json.Compact(&message, text); err != nil || kind != websocket.MessageText {
		t.Errorf("got a %v %q, want JSON as text", kind, text)
	}
	return message.String()
}

// handshakeStatus sends a handshake for a target and returns the status of the answer.
func handshakeStatus(t *testing.T, addr, target string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: chat.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", target)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	_ = answer.Body.Close()
	return fmt.Sprint(answer.StatusCode)
}

// stays opens a connection with a ticket, which stays open until the test ends.
func stays(t *testing.T, addr, ticket string) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/ws?ticket="+ticket, nil) //nolint:bodyclose // not needed, says Dial
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
}
