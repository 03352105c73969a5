//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answer is the response to a request or a handshake.
type answer struct {
	status int
	code   string // of a problem, or empty
	body   string
}

func (a answer) String() string { return strings.TrimSpace(fmt.Sprint(a.status, " ", a.code)) }

// Frequent answers.
var (
	admitted    = answer{status: http.StatusSwitchingProtocols}
	refused     = answer{status: http.StatusUnauthorized, code: "invalid_ticket"}
	unavailable = answer{status: http.StatusServiceUnavailable, code: "unavailable"}
)

// is reports whether two answers have the same status and code.
func (a answer) is(b answer) bool { return a.status == b.status && a.code == b.code }

// read reads an answer from a response.
func read(res *http.Response) (answer, error) {
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the body: %w", err)
	}
	a := answer{status: res.StatusCode, body: string(body)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
		var problem struct{ Code string }
		if err := json.Unmarshal(body, &problem); err != nil {
			return answer{}, fmt.Errorf("problem %q: %w", body, err)
		}
		a.code = problem.Code
	}
	return a, nil
}

// client sends HTTP requests to the servers of a test.
type client struct{ http http.Client }

func newClient(t testing.TB) *client {
	t.Helper()
	// As many idle connections as there are callers; otherwise most requests
	// would need a new connection.
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{http.Client{Timeout: patience, Transport: transport}}
}

// send sends a request with a bearer. The header is a list of names and values.
func (c *client) send(ctx context.Context, method, url, bearer string, header ...string) (answer, error) {
	return c.sendBody(ctx, method, url, bearer, "", header...)
}

// post sends JSON with a bearer or an API key.
func (c *client) post(ctx context.Context, url, bearer, body string) (answer, error) {
	return c.sendBody(ctx, http.MethodPost, url, bearer, body, "Content-Type", "application/json")
}

func (c *client) sendBody(ctx context.Context, method, url, bearer, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	return read(res)
}

// issued is the part of the issuing answer that tests use.
type issued struct {
	Token string `json:"ticket"`
	ID    string `json:"ticket_id"`
}

// issue asks for a ticket. If it gets none, the answer says why.
func (c *client) issue(ctx context.Context, s server, bearer string, header ...string) (issued, answer, error) {
	return issuedBy(c.send(ctx, http.MethodPost, "http://"+s.public+"/ws-ticket", bearer, header...))
}

// issueFor asks for a ticket for an audience.
func (c *client) issueFor(ctx context.Context, s server, bearer, audience string) (issued, answer, error) {
	return issuedBy(c.post(ctx, "http://"+s.public+"/ws-ticket", bearer, fmt.Sprintf(`{"audience":%q}`, audience)))
}

// issuedBy returns the ticket in an answer.
func issuedBy(a answer, err error) (issued, answer, error) {
	var got issued
	if err == nil && a.status == http.StatusCreated {
		err = json.Unmarshal([]byte(a.body), &got)
	}
	return got, a, err
}

// mustIssue gets a ticket.
func (c *client) mustIssue(t testing.TB, s server, bearer string, header ...string) issued {
	t.Helper()
	got, a, err := c.issue(t.Context(), s, bearer, header...)
	if err != nil || got.Token == "" {
		t.Fatalf("issue: got %v, %v; want a ticket", a, err)
	}
	return got
}

// door is where a handshake carries the ticket.
type door string

const (
	doorQuery       door = "query"
	doorSubprotocol door = "subprotocol"
	doorHeader      door = "header"
)

// handshake returns a request (RFC 6455 4.1) with a new key, so that each is another
// attempt.
func (d door) handshake(host, token string, headers ...string) string {
	var key [16]byte
	_, _ = rand.Read(key[:])
	target, credential := "/ws", ""
	switch d {
	case doorQuery:
		target += "?ticket=" + token
	case doorSubprotocol:
		credential = "Sec-WebSocket-Protocol: wsticket.v1, ticket." + token
	case doorHeader:
		credential = "Authorization: Ticket " + token
	}
	lines := []string{
		"GET " + target + " HTTP/1.1", "Host: " + host, "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(key[:]),
	}
	if credential != "" {
		lines = append(lines, credential)
	}
	return strings.Join(append(lines, headers...), "\r\n") + "\r\n\r\n"
}

// dial opens a connection to a server for one handshake.
func dial(ctx context.Context, s server) (net.Conn, error) { return dialFrom(ctx, s.public, "") }

// dialFrom is dial from one of the addresses of this machine. Empty: any.
func dialFrom(ctx context.Context, addr, from string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Thousands of connections that are closed normally would leave thousands
		// of ports in TIME_WAIT.
		_ = tcp.SetLinger(0)
	}
	return conn, conn.SetDeadline(time.Now().Add(patience))
}

// shake sends a request, reads the answer and closes the connection.
func shake(conn net.Conn, request string) (answer, error) {
	defer conn.Close()
	_, a, err := open(conn, request)
	return a, err
}

// open sends a request and reads the answer. If that is 101, the connection continues
// with messages.
func open(conn net.Conn, request string) (gobwasConn, answer, error) {
	opened := gobwasConn{conn, bufio.NewReader(conn)}
	if _, err := io.WriteString(conn, request); err != nil {
		return opened, answer{}, err
	}
	res, err := http.ReadResponse(opened.early, nil)
	if err != nil {
		return opened, answer{}, fmt.Errorf("read the answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return opened, admitted, nil
	}
	a, err := read(res)
	return opened, a, err
}

// connect presents a token at a door.
func connect(ctx context.Context, s server, d door, token string, headers ...string) (answer, error) {
	conn, err := dial(ctx, s)
	if err != nil {
		return answer{}, err
	}
	return shake(conn, d.handshake(s.public, token, headers...))
}

// wantConnect presents a token and checks the answer.
func wantConnect(t testing.TB, what string, s server, d door, token string, want answer, headers ...string) {
	t.Helper()
	if got, err := connect(t.Context(), s, d, token, headers...); err != nil || !got.is(want) {
		t.Errorf("%s: got %v, %v; want %v", what, got, err, want)
	}
}
