package redisstore

import (
	"bytes"
	"context"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
)

// lateConn is a connection on which the reply to the first EVAL is late.
type lateConn struct {
	net.Conn
	by time.Duration

	mu       sync.Mutex
	asked    bool
	from     time.Time // when the late answer arrives
	deadline time.Time
}

func (c *lateConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	if !c.asked && bytes.Contains(b, []byte("eval")) {
		c.asked, c.from = true, time.Now().Add(c.by)
	}
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *lateConn) SetDeadline(t time.Time) error     { return c.until(t, c.Conn.SetDeadline) }
func (c *lateConn) SetReadDeadline(t time.Time) error { return c.until(t, c.Conn.SetReadDeadline) }

func (c *lateConn) until(t time.Time, set func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return set(t)
}

func (c *lateConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	from, deadline := c.from, c.deadline
	c.mu.Unlock()
	if wait := time.Until(from); wait > 0 {
		if !deadline.IsZero() && deadline.Before(from) {
			<-time.After(time.Until(deadline))
			return 0, os.ErrDeadlineExceeded
		}
		<-time.After(wait)
	}
	return c.Conn.Read(b)
}

// A connection on which the identity of the server has not arrived in time is not
// used: a late reply would be taken for that to the next command.
func TestFenceConnectionThatAnswersLate(t *testing.T) {
	const timeout, late = 50 * time.Millisecond, 150 * time.Millisecond
	f := newFenceTable(FenceRequire, false)
	c := redis.NewClient(&redis.Options{
		Addr: testenv.Redis(t).Addr(), DisableIdentity: true, MaxRetries: -1, PoolSize: 1,
		ReadTimeout: timeout, DialerRetries: 1, OnConnect: f.onConnect(""),
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, network, addr)
			return &lateConn{Conn: conn, by: late}, err
		},
	})
	defer c.Close()
	for range 3 {
		got, err := c.Echo(t.Context(), "what was said").Result()
		if err == nil && got != "what was said" {
			t.Fatalf("got %q, which is the answer to another question", got)
		}
		if err == nil {
			t.Error("got an answer on a connection that is late")
		}
		<-time.After(late)
	}
	if _, ok := f.current("", time.Now()); ok {
		t.Error("the fence is known, want it unknown")
	}
}
