//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/internal/wsframe"
)

// edgePatience limits the time of a handshake through a proxy. Traefik waits 30 s for
// the service, which cannot be configured.
const edgePatience = 45 * time.Second

// attempt is a handshake of a browser.
type attempt struct {
	name   string // of the case
	path   string
	key    string // Sec-WebSocket-Key
	query  string // with its question mark
	offer  string // Sec-WebSocket-Protocol
	origin string
	plain  bool // an ordinary request, no handshake
	// upgrade has the values of the Upgrade lines; empty means websocket.
	upgrade []string
	lines   []string // more headers
}

// newAttempt returns a new attempt of the page.
func newAttempt() attempt {
	return attempt{name: rand.Text(), path: "/ws", key: newKey(), origin: pageOrigin}
}

func newKey() string {
	var key [16]byte
	_, _ = rand.Read(key[:])
	return base64.StdEncoding.EncodeToString(key[:])
}

// request returns the request as Firefox sends it.
func (a attempt) request(host string) string {
	lines := []string{
		"GET " + a.path + a.query + " HTTP/1.1", "Host: " + host, "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Accept: */*", "Accept-Language: en-US,en;q=0.5", "Cookie: theme=dark", caseHeader + ": " + a.name,
	}
	upgrade := a.upgrade
	if len(upgrade) == 0 && !a.plain {
		upgrade = []string{"websocket"}
	}
	for _, protocol := range upgrade {
		lines = append(lines, "Upgrade: "+protocol)
	}
	if !a.plain {
		lines = append(lines, "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Key: "+a.key)
	}
	if a.offer != "" {
		lines = append(lines, "Sec-WebSocket-Protocol: "+a.offer)
	}
	if a.origin != "" {
		lines = append(lines, "Origin: "+a.origin)
	}
	return strings.Join(append(lines, a.lines...), "\r\n") + "\r\n\r\n"
}

// outcome is the response to a handshake.
type outcome struct {
	status int
	header http.Header
}

func (o outcome) String() string { return fmt.Sprint(o.status) }

// shake sends the handshake. If it is accepted, shake checks the response like a
// browser, sends a message and waits for the echo.
func (a attempt) shake(ctx context.Context, addr string) (outcome, error) {
	d := net.Dialer{Timeout: edgePatience}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return outcome{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(edgePatience)); err != nil {
		return outcome{}, err
	}
	if _, err := io.WriteString(conn, a.request(addr)); err != nil {
		return outcome{}, err
	}
	from := bufio.NewReader(conn)
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		return outcome{}, fmt.Errorf("read the answer: %w", err)
	}
	defer res.Body.Close()
	got := outcome{res.StatusCode, res.Header}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return got, nil
	}
	if err := a.acceptable(res.Header); err != nil {
		return got, err
	}
	return got, exchange(conn, from)
}

// acceptable checks the subprotocol like a browser (RFC 6455 4.1): it has to be one of
// those offered.
func (a attempt) acceptable(h http.Header) error {
	chosen := h["Sec-Websocket-Protocol"]
	var offered []string
	for name := range strings.SplitSeq(a.offer, ",") {
		offered = append(offered, textproto.TrimString(name))
	}
	switch {
	case a.offer == "" && len(chosen) == 0:
		return nil
	case len(chosen) != 1 || !slices.Contains(offered, chosen[0]) || strings.HasPrefix(chosen[0], "ticket."):
		return fmt.Errorf("subprotocol %q: a browser ends the connection", chosen)
	}
	return nil
}

// exchange sends a message and waits for the echo.
func exchange(conn io.Writer, from io.Reader) error {
	const message = "through the edge"
	if _, err := conn.Write(wsframe.Append(nil, wsframe.Text, []byte(message), &[4]byte{1, 2, 3, 4})); err != nil {
		return err
	}
	back := make([]byte, 2+len(message))
	if _, err := io.ReadFull(from, back); err != nil {
		return fmt.Errorf("read the echo: %w", err)
	}
	if string(back[2:]) != message {
		return errors.New("the echo is not what was sent")
	}
	return nil
}

// issueThrough gets a ticket through the proxy, like a page. A ttl of 0 means the
// default.
func issueThrough(t testing.TB, c *client, addr, bearer string, ttl int) (token string, expires time.Time) {
	t.Helper()
	body := "{}"
	if ttl > 0 {
		body = fmt.Sprintf(`{"ttl":%d}`, ttl)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/ws-ticket", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", pageOrigin)
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatalf("issue: %v", err)
	}
	defer res.Body.Close()
	var got struct {
		Ticket    string    `json:"ticket"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Ticket == "" {
		t.Fatalf("issue: got %d, %v; want a ticket", res.StatusCode, err)
	}
	return got.Ticket, got.ExpiresAt
}
