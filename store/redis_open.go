package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// dialTimeout ends an attempt to connect. It is longer than an operation waits
// for it, so that a slow connection is there for the next one.
const dialTimeout = 500 * time.Millisecond

// OpenRedis returns a store with a client of its own for
// redis://[user:password@]host[:port][/db], or rediss:// for TLS. The query may
// hold client_name, pool_size, min_idle_conns, max_idle_conns,
// conn_max_idle_time and conn_max_lifetime (durations as "5m"); all else about
// the client is fixed here, because single use hangs on it. Of o, Client must be nil.
//
// The certificate of a rediss:// server is verified against the system's roots.
//
// It does not connect; see [Redis.Ping]. The error lists every fault and holds
// nothing of the URL, which may hold a password.
func OpenRedis(rawURL string, o RedisOptions) (*Redis, error) {
	o.defaults()
	faults := o.faults()
	if o.Client != nil {
		faults = append(faults, errors.New("store: redis: client: must not be given together with a URL"))
	}
	settings, err := parseURL(rawURL)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	harden(settings, o.Timeout)
	o.Client = redis.NewClient(settings)
	r, err := NewRedis(o)
	if err != nil {
		return nil, errors.Join(err, o.Client.Close())
	}
	r.owned = true
	return r, nil
}

// harden fixes what single use and the deadlines hang on.
func harden(s *redis.Options, timeout time.Duration) {
	s.MaxRetries = -1 // 0 would mean three
	s.ContextTimeoutEnabled = true
	s.ReadTimeout, s.WriteTimeout = timeout, timeout
	// Waiting for a connection ends with the operation's context, always
	// before this, so that one and the same delay has one name.
	s.PoolTimeout = 2 * timeout
	s.DialTimeout, s.DialerRetries = dialTimeout, 1
	// We send no pipelines.
	s.PipelinePoolSize = -1
	// Neither is known to older servers, proxies and narrow ACL rules, where
	// each new connection would begin with errors.
	s.DisableIdentity = true
	s.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// parseURL leaves the URL out of its errors, piece by piece: what looks like
// the name of a parameter may be the end of a password with a "?" in it.
func parseURL(raw string) (*redis.Options, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("store: redis: url: is not a URL (special characters in a password must be escaped)")
	}
	switch u.Scheme {
	case "redis", "rediss":
	case "redis+sentinel", "redis+cluster":
		return nil, fmt.Errorf("store: redis: url: %s is not supported by this version", u.Scheme)
	default:
		return nil, errors.New("store: redis: url: must begin with redis:// or rediss://")
	}
	known := []string{
		"client_name", "pool_size", "min_idle_conns", "max_idle_conns", "conn_max_idle_time", "conn_max_lifetime",
	}
	query, err := url.ParseQuery(u.RawQuery)
	for name := range query {
		if !slices.Contains(known, name) {
			err = errors.New("unknown parameter")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store: redis: url: the query may hold nothing but %q", known)
	}
	settings, err := redis.ParseURL(raw)
	if err != nil {
		return nil, errors.New("store: redis: url: must be redis://[user:password@]host[:port][/db][?parameters]")
	}
	return settings, nil
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
