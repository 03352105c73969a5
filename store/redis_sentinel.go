package store

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// sentinel returns a client for the primary that the Sentinels name. It is
// told of a new one by them, and asks them before each connection; replicas
// are never spoken to.
func (o opener) sentinel(s *redis.UniversalOptions) *redis.Client {
	settings := s.Failover()
	if hook := o.hook(s.MasterName); hook != nil {
		settings.OnConnect = onlyPrimary(hook)
	}
	client := redis.NewFailoverClient(settings)
	client.AddHook(honestDial{})
	return client
}

// onlyPrimary leaves out the connections to the Sentinels themselves, for
// which the library runs the same hook. It tells them apart by the address
// that the client of the primary has for want of a fixed one.
func onlyPrimary(hook func(context.Context, *redis.Conn) error) func(context.Context, *redis.Conn) error {
	return func(ctx context.Context, conn *redis.Conn) error {
		if !strings.HasPrefix(conn.String(), "Redis<FailoverClient ") {
			return nil
		}
		return hook(ctx, conn)
	}
}

// honestDial is a hook for connecting. To Sentinels that do not know the name
// of the primary the library says redis.Nil, and a command that got no
// connection would seem to have found no ticket.
type honestDial struct{}

func (honestDial) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if errors.Is(err, redis.Nil) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("the Sentinels do not know the primary")}
		}
		return conn, err
	}
}

func (honestDial) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (honestDial) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
