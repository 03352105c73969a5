package redisstore

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// newSentinelClient returns a client for the primary that the Sentinels name.
// It asks them before each connection, and they tell it of a failover. It never
// connects to replicas.
func newSentinelClient(options *redis.UniversalOptions, hookFor func(addr string) connectHook) *redis.Client {
	o := options.Failover()
	o.OnConnect = onlyPrimary(hookFor(o.MasterName))
	client := redis.NewFailoverClient(o)
	client.AddHook(sentinelHook{})
	return client
}

// onlyPrimary leaves out connections to the Sentinels, for which the library
// runs the same hook. The client of the primary has no fixed address, and its
// connections a name of their own.
func onlyPrimary(hook connectHook) connectHook {
	return func(ctx context.Context, conn *redis.Conn) error {
		if !strings.HasPrefix(conn.String(), "Redis<FailoverClient ") {
			return nil
		}
		return hook(ctx, conn)
	}
}

// sentinelHook replaces redis.Nil, which the library returns for a connection
// if the Sentinels do not know the name of the primary. Without this, a command
// that got no connection would seem to have found no ticket.
type sentinelHook struct{}

func (sentinelHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if errors.Is(err, redis.Nil) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("the Sentinels do not know the primary")}
		}
		return conn, err
	}
}

func (sentinelHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (sentinelHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
