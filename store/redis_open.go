package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// dialTimeout ends an attempt to connect. It is longer than an operation waits
// for it, so that a slow connection is there for the next one.
const dialTimeout = 500 * time.Millisecond

// OpenRedis returns a store with a client of its own for one of
//
//	redis://[[user]:password@]host[:port][/database]
//	redis+sentinel://name@host[:port],host[:port][/database]
//	redis+sentinel://[user]:password@host[:port],host[:port][/database]?master=name
//	redis+cluster://[[user]:password@]host[:port],host[:port]
//
// The hosts are those of the server (port 6379), of the Sentinels that know
// the primary by that name (26379), and of some nodes of the cluster (6379).
// With Sentinels, what stands before the @ is a name where it has no colon,
// and credentials where it has one. Special characters in credentials are
// escaped as in any URL.
//
// With rediss:// and so on every connection is TLS 1.2 or later, also those to
// Sentinels, and the certificate is verified: against the system's roots, or
// ca_file where it is given. cert_file and key_file are the certificate that
// the store shows. The files are read once.
//
// The query may hold client_name, pool_size (for each node), min_idle_conns,
// max_idle_conns, conn_max_idle_time, conn_max_lifetime (durations as "5m"),
// with TLS ca_file, cert_file, key_file, and with Sentinels master,
// sentinel_username, sentinel_password. All else about the client is fixed
// here, because single use hangs on it. Of o, Client must be nil.
//
// It does not connect; see [Redis.Ping]. The error lists every fault and holds
// nothing of the URL, which may hold a password.
func OpenRedis(rawURL string, o RedisOptions) (*Redis, error) {
	o.defaults()
	faults := o.faults()
	if o.Client != nil {
		faults = append(faults, errors.New("store: redis: client: must not be given together with a URL"))
	}
	t, err := readURL(rawURL)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	harden(&t.settings, o.Timeout)
	o.Client = attachFence(&o, t.topology == sharded).open(t)
	r, err := NewRedis(o)
	if err != nil {
		return nil, errors.Join(err, o.Client.Close())
	}
	r.owned = true
	return r, nil
}

// CheckURL returns the faults that [OpenRedis] would find in a URL and in the
// files that it names, or nil. It opens no connection.
func CheckURL(rawURL string) error {
	_, err := readURL(rawURL)
	return err
}

// readURL reads a URL and the files that it names.
func readURL(raw string) (*target, error) {
	t, err := parseURL(raw)
	if err == nil && t.tls {
		t.settings.TLSConfig, err = t.files.load()
	}
	return t, err
}

// opener makes the client for a target.
type opener struct {
	// onConnect, where it is set, returns what is done with each new
	// connection to the server at addr before it is used; its error ends the
	// connection. With Sentinels, where the address changes, addr is the name
	// of the primary.
	onConnect func(addr string) func(context.Context, *redis.Conn) error
}

func (o opener) open(t *target) redis.UniversalClient {
	switch t.topology {
	case watched:
		return o.sentinel(&t.settings)
	case sharded:
		return o.cluster(&t.settings)
	default:
		settings := t.settings.Simple()
		settings.OnConnect = o.hook(settings.Addr)
		return redis.NewClient(settings)
	}
}

// hook is nil where there is nothing to do.
func (o opener) hook(addr string) func(context.Context, *redis.Conn) error {
	if o.onConnect == nil {
		return nil
	}
	return o.onConnect(addr)
}

// harden fixes what single use and the deadlines hang on. What sends commands
// to replicas (ReadOnly, RouteByLatency, RouteRandomly) stays off.
func harden(s *redis.UniversalOptions, timeout time.Duration) {
	s.MaxRetries = -1 // 0 would mean three
	s.ContextTimeoutEnabled = true
	s.ReadTimeout, s.WriteTimeout = timeout, timeout
	// Waiting for a connection ends with the operation's context, always
	// before this, so that one and the same delay has one name.
	s.PoolTimeout = 2 * timeout
	s.DialTimeout, s.DialerRetries = dialTimeout, 1
	s.Dialer = dialer(s)
	// Pipelines share the connections of all others: a pool of their own would
	// be idle most of the time, and a second one to bound.
	s.PipelinePoolSize = -1
	// Neither is known to older servers, proxies and narrow ACL rules, where
	// each new connection would begin with errors.
	s.DisableIdentity = true
	s.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// QuietLogger makes the client library report to l at debug level that it has
// something to say, in place of printing it to standard error. The text is
// dropped: it may hold addresses, and what matters of it comes back as the
// error of an operation.
//
// The library has one logger for the whole process, so this belongs to main.
func QuietLogger(l *slog.Logger) { redis.SetLogger(quietLogger{l}) }

type quietLogger struct{ log *slog.Logger }

// Printf is what the library calls.
func (q quietLogger) Printf(ctx context.Context, _ string, _ ...any) {
	q.log.DebugContext(ctx, "redis client reports trouble")
}
