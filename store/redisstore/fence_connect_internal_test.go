package redisstore

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
)

// lateConn is a connection on which the first EVAL, and so its reply, is late.
type lateConn struct {
	net.Conn
	by   time.Duration
	sent chan struct{}
}

func (c *lateConn) Write(b []byte) (int, error) {
	if c.sent != nil {
		<-c.sent
	}
	if c.sent != nil || !bytes.Contains(b, []byte("eval")) {
		return c.Conn.Write(b)
	}
	c.sent, b = make(chan struct{}), bytes.Clone(b)
	time.AfterFunc(c.by, func() {
		defer close(c.sent)
		_, _ = c.Conn.Write(b)
	})
	return len(b), nil
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
