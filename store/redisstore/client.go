package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// dialExtra is how much longer an attempt to connect may take than an operation
	// waits for it, so that a slow connection is there for the next one.
	dialExtra = 100 * time.Millisecond
	// minDialTimeout is for operations with less time than the default.
	minDialTimeout = DefaultTimeout + dialExtra
	// maxRedirects is how many redirects a command follows on a cluster: to the
	// node that has the slot (MOVED), and from there to the one that is about to
	// get it (ASK). A node that redirects a command has not run it.
	maxRedirects = 2
)

// connectHook runs on each new connection to a server before it is used. Its
// error closes the connection.
type connectHook = func(ctx context.Context, conn *redis.Conn) error

// newClient returns the client for a target. hookFor makes the hook for the
// connections to an address; with Sentinels, where the address changes, it gets
// the name of the primary.
func newClient(t *target, timeout time.Duration, hookFor func(addr string) connectHook, link *handshakes) redis.UniversalClient {
	options := hardened(t.client, timeout, link)
	switch t.topology {
	case sentinel:
		return newSentinelClient(options, hookFor)
	case cluster:
		return newClusterClient(options, hookFor)
	default:
		simple := options.Simple()
		simple.OnConnect = hookFor(simple.Addr)
		return redis.NewClient(simple)
	}
}

// newClusterClient returns a client that sends each command to the primary that
// has the slot of its key. The others stay usable if one of them is down.
func newClusterClient(options *redis.UniversalOptions, hookFor func(addr string) connectHook) *redis.ClusterClient {
	o := options.Cluster()
	o.MaxRedirects = maxRedirects
	// The policies are for commands with many keys or none. The client would ask
	// for the table of all commands, which takes a right that nothing else needs.
	o.DisableRoutingPolicies = true
	o.NewClient = func(node *redis.Options) *redis.Client {
		node.OnConnect = hookFor(node.Addr)
		return redis.NewClient(node)
	}
	return redis.NewClusterClient(o)
}

// hardened adds the options on which single use and the deadlines depend. What
// sends commands to replicas (ReadOnly, RouteByLatency, RouteRandomly) stays
// off.
func hardened(o redis.UniversalOptions, timeout time.Duration, link *handshakes) *redis.UniversalOptions {
	o.MaxRetries = -1 // 0 would mean three
	o.ContextTimeoutEnabled = true
	o.ReadTimeout, o.WriteTimeout = timeout, timeout
	// The context of an operation always ends its wait for a connection before
	// this does, so that there is one error for one kind of delay.
	o.PoolTimeout = 2 * timeout
	o.DialTimeout, o.DialerRetries = max(timeout+dialExtra, minDialTimeout), 1
	o.Dialer = dialer(&o, link)
	// Pipelines share the connection pool: one of their own would be idle most
	// of the time, and a second one to limit.
	o.PipelinePoolSize = -1
	// Older servers, proxies and narrow ACL rules do not know the commands of
	// either, and each new connection would begin with errors.
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &o
}

// dialer connects as the client library does, but returns a connection that
// fails in place of an error. After as many errors as the pool has places, the
// library would stop connecting and try only once a second.
func dialer(o *redis.UniversalOptions, link *handshakes) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial, config, timeout := redis.NewDialer(&redis.Options{DialTimeout: o.DialTimeout}), o.TLSConfig, o.DialTimeout
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := dial(ctx, network, addr)
		if err == nil && config != nil {
			link.waiting.Add(1)
			conn, err = secure(ctx, conn, addr, config)
			link.silent.Store(errors.Is(err, context.DeadlineExceeded))
			link.waiting.Add(-1)
		}
		if err != nil {
			return failedConn{err}, nil
		}
		return conn, nil
	}
}

// handshakes are those of TLS with the servers.
type handshakes struct {
	waiting atomic.Int32 // for the server
	silent  atomic.Bool  // the last one to end has had no answer
}

// unanswered reports whether the server may be one that does not speak TLS. The
// operation that waits may notice its own end later than that of the handshake.
func (h *handshakes) unanswered() bool { return h.waiting.Load() > 0 || h.silent.Load() }

// secure puts TLS on a connection, for the host of the address.
func secure(ctx context.Context, conn net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	config = config.Clone()
	config.ServerName = host
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// failedConn is a connection to a server that could not be reached.
type failedConn struct{ err error }

func (c failedConn) Read([]byte) (int, error)         { return 0, c.err }
func (c failedConn) Write([]byte) (int, error)        { return 0, c.err }
func (c failedConn) Close() error                     { return nil }
func (c failedConn) LocalAddr() net.Addr              { return new(net.TCPAddr) }
func (c failedConn) RemoteAddr() net.Addr             { return new(net.TCPAddr) }
func (c failedConn) SetDeadline(time.Time) error      { return nil }
func (c failedConn) SetReadDeadline(time.Time) error  { return nil }
func (c failedConn) SetWriteDeadline(time.Time) error { return nil }

// QuietLogger makes the client library log a fixed line to l at debug level, in
// place of printing its messages to standard error. They are dropped because
// they may contain addresses; the failures that matter are also returned as
// errors of operations.
//
// The library has one logger for the whole process: only main should call this.
func QuietLogger(l *slog.Logger) { redis.SetLogger(quietLogger{l}) }

type quietLogger struct{ log *slog.Logger }

// Printf implements the library's logger.
func (q quietLogger) Printf(ctx context.Context, _ string, _ ...any) {
	q.log.DebugContext(ctx, "redis client reports trouble")
}
