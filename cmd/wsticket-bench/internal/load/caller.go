package load

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// caller is one client with one bearer. It is not safe for concurrent use: it
// waits for each answer before it goes on.
type caller struct {
	*target
	request []byte // POST /ws-ticket
	kept    *conn  // on which tickets are asked for, nil for none
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

// disconnect closes the kept connection.
func (c *caller) disconnect() {
	if c.kept != nil {
		c.kept.drop()
		c.kept = nil
	}
}

// timeIssue measures POST /ws-ticket on a connection that is open already.
func (c *caller) timeIssue(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	_, err := c.issue(ctx)
	return time.Since(begin), err
}

// timeRedeem measures a handshake from connecting to the 101.
func (c *caller) timeRedeem(ctx context.Context, where string) (time.Duration, error) {
	begin := time.Now()
	opened, err := c.handshake(ctx, where)
	took := time.Since(begin)
	if err == nil {
		opened.leave()
	}
	return took, err
}

// timeConnect measures all that a client does: a ticket, a handshake, and the
// application's first message.
func (c *caller) timeConnect(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	where, err := c.obtain(ctx)
	if err != nil {
		return 0, &stepError{"issue", err}
	}
	opened, err := c.handshake(ctx, where)
	if err != nil {
		return 0, err
	}
	defer opened.leave()
	if err := opened.greeting(); err != nil {
		return 0, &stepError{"greeting", err}
	}
	return time.Since(begin), nil
}

// issue asks for a ticket and returns the body of the answer.
func (c *caller) issue(ctx context.Context) ([]byte, error) {
	if c.kept == nil {
		var err error
		if c.kept, err = c.dial(ctx); err != nil {
			return nil, err
		}
	}
	got, err := c.ask()
	if err != nil || got.last {
		c.disconnect()
	}
	if err == nil && got.status != http.StatusCreated {
		err = got.refusal()
	}
	return got.body, err
}

func (c *caller) ask() (answer, error) {
	if err := c.kept.send(c.request, c.timeout); err != nil {
		return answer{}, err
	}
	return c.kept.receive()
}

// obtain asks for a ticket and returns where to present it: path and query of
// the answer's url, such as /ws?ticket=wst1_…. So the names of path and
// parameter need not be configured here.
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

// handshake opens a WebSocket on a connection of its own (RFC 6455 4.1), which
// the caller has to drop.
func (c *caller) handshake(ctx context.Context, where string) (*conn, error) {
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

func (c *caller) upgrade(on *conn, where string) error {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	var head strings.Builder
	fmt.Fprintf(&head, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
		where, c.host, base64.StdEncoding.EncodeToString(key[:]))
	c.writeOrigin(&head)
	head.WriteString("\r\n")
	if err := on.send([]byte(head.String()), c.timeout); err != nil {
		return err
	}
	got, err := on.receive()
	if err == nil && got.status != http.StatusSwitchingProtocols {
		return got.refusal()
	}
	return err
}
