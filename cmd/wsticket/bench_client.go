package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer's body, in bytes.
const maxAnswer = 64 << 10

// target is a server as its clients reach it. It does not change once made.
type target struct {
	addr    string // where to connect to
	host    string // the Host header
	origin  string // the Origin header; empty for none
	tls     *tls.Config
	timeout time.Duration // for each step: a connection, a request
}

// newTarget fills in how to reach base. It finds out by one connection at
// which of the addresses of its host the server is, so that no request of a
// storm asks a resolver or tries an address in vain.
func newTarget(ctx context.Context, base *url.URL, t target) (*target, error) {
	port := base.Port()
	if base.Scheme == "https" {
		// WebSockets need HTTP/1.1, so nothing else is offered.
		t.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: base.Hostname(), NextProtos: []string{"http/1.1"}}
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	t.addr = net.JoinHostPort(base.Hostname(), port)
	found, err := t.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s://%s: %s", base.Scheme, base.Host, kindOf(err))
	}
	t.addr = found.RemoteAddr().String()
	found.drop()
	return &t, nil
}

// link is a connection to the server, with a reader on it.
type link struct {
	net.Conn
	in      *bufio.Reader
	release func() bool // stops the watch on the context
}

// dial connects. The end of ctx cuts the connection, whatever it waits for.
func (t *target) dial(ctx context.Context) (*link, error) {
	// Probes to keep idle connections alive would be one more system call.
	dialer := net.Dialer{Timeout: t.timeout, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	if t.tls != nil {
		conn = tls.Client(conn, t.tls)
	}
	return &link{Conn: conn, in: bufio.NewReader(conn), release: release}, nil
}

// write begins a step: it sets its deadline and sends a request.
func (l *link) write(request []byte, timeout time.Duration) error {
	if err := l.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := l.Write(request)
	return err
}

// drop closes the connection by a reset where the server has not closed it
// before. Each close from this side would keep its port for a minute
// (TIME-WAIT), and a storm uses up all ports in seconds.
func (l *link) drop() {
	l.release()
	conn := l.Conn
	if wrapped, ok := conn.(*tls.Conn); ok {
		conn = wrapped.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// caller is one client with a bearer of its own. It is not safe for
// concurrent use: it waits for each answer before it goes on.
type caller struct {
	*target
	request []byte // POST /ws-ticket
	kept    *link  // on which tickets are asked for, nil for none
}

func newCaller(t *target, bearer string) *caller {
	var head strings.Builder
	fmt.Fprintf(&head, "POST /ws-ticket HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\n", t.host, bearer)
	t.writeOrigin(&head)
	return &caller{target: t, request: []byte(head.String() + "\r\n")}
}

func (t *target) writeOrigin(head *strings.Builder) {
	if t.origin != "" {
		fmt.Fprintf(head, "Origin: %s\r\n", t.origin)
	}
}

// close ends the kept connection.
func (c *caller) close() {
	if c.kept != nil {
		c.kept.drop()
		c.kept = nil
	}
}

// issue asks for a ticket and returns the answer's body.
func (c *caller) issue(ctx context.Context) ([]byte, error) {
	if c.kept == nil {
		var err error
		if c.kept, err = c.dial(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.kept.write(c.request, c.timeout); err != nil {
		c.close()
		return nil, err
	}
	got, err := c.kept.read()
	if err != nil {
		c.close()
		return nil, err
	}
	if got.last {
		c.close()
	}
	if got.status != http.StatusCreated {
		return nil, got.refusal()
	}
	return got.body, nil
}

// reply is an answer that has been read whole.
type reply struct {
	status int
	body   []byte
	last   bool // the server closes the connection after it
}

// read reads an answer. That of net/http costs 2 µs more than one that knows
// this server's headers only, of some 20 for a request, and gets along with
// whatever proxy is in between. Frames that follow a 101 stay unread.
func (l *link) read() (reply, error) {
	response, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return reply{}, transportOr(err, kindAnswer)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return reply{}, transportOr(err, kindAnswer)
	}
	if len(body) > maxAnswer {
		return reply{}, kindAnswer
	}
	return reply{response.StatusCode, body, response.Close}, nil
}

// transportOr returns err where the connection is to blame for it, else what
// the bytes were that came.
func transportOr(err error, otherwise errorKind) error {
	if kindOf(err) == kindOther {
		return otherwise
	}
	return err
}

// problemCode is what a code looks like (docs/protocol.md); what does not is
// not repeated.
var problemCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// refusal is an answer that was no success, as "429 rate_limited".
func (r reply) refusal() errorKind {
	var problem struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(r.body, &problem) != nil || !problemCode.MatchString(problem.Code) {
		return errorKind(fmt.Sprintf("status %d", r.status))
	}
	return errorKind(fmt.Sprintf("%d %s", r.status, problem.Code))
}

// obtain asks for a ticket and returns where to present it: path and query of
// the answer's url, such as /ws?ticket=wst1_…. So nobody has to say here what
// the path and the parameter are called in the server's configuration.
func (c *caller) obtain(ctx context.Context) (string, error) {
	body, err := c.issue(ctx)
	if err != nil {
		return "", err
	}
	var issued struct {
		URL string `json:"url"`
	}
	if json.Unmarshal(body, &issued) != nil {
		return "", kindNoURL
	}
	where, err := url.Parse(issued.URL)
	if err != nil || where.Host == "" || where.RawQuery == "" {
		return "", kindNoURL
	}
	return where.RequestURI(), nil
}

// handshake opens a WebSocket on a connection of its own (RFC 6455 4.1).
// Whoever calls it calls drop.
func (c *caller) handshake(ctx context.Context, where string) (*link, error) {
	opened, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.upgrade(opened, where); err != nil {
		opened.drop()
		return nil, err
	}
	return opened, nil
}

func (c *caller) upgrade(on *link, where string) error {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	var head strings.Builder
	fmt.Fprintf(&head, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
		where, c.host, base64.StdEncoding.EncodeToString(key[:]))
	c.writeOrigin(&head)
	head.WriteString("\r\n")
	if err := on.write([]byte(head.String()), c.timeout); err != nil {
		return err
	}
	got, err := on.read()
	if err == nil && got.status != http.StatusSwitchingProtocols {
		return got.refusal()
	}
	return err
}
