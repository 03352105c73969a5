package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// DefaultPrefix begins the keys of a [Redis] where no other is configured.
	DefaultPrefix = "wst:"
	// DefaultTimeout ends an operation on a [Redis] that takes too long.
	DefaultTimeout = 400 * time.Millisecond
	maxPrefix      = 64
)

// RedisOptions are the settings of a [Redis].
type RedisOptions struct {
	// Client speaks to one server, to the primary that Sentinels name, or to a
	// cluster; a [redis.Ring] has no primary that could be told. Required by
	// [NewRedis], where it stays the caller's; [OpenRedis] makes its own. A
	// client of one's own should have ContextTimeoutEnabled, or Timeout does
	// not hold. Its connections do not tell that the server was restarted, so
	// that tickets of the second after that may be refused once. Its
	// asynchronous pipeline is shared with its owner.
	Client redis.UniversalClient
	// Prefix begins each key; the ticket's ID is the rest. Letters, digits and
	// "._:-", at most 64 of them. Default "wst:".
	Prefix string
	// Retention is how long a spent mark stays, counted from when the ticket
	// is consumed. Default 5 minutes.
	Retention time.Duration
	// Timeout ends each operation. What was asked may still happen; the
	// answer is [ticket.ErrUnavailable]. Default 400 ms.
	Timeout time.Duration
	// Fence says what is done about failovers. Default [FenceAuto].
	Fence FenceMode

	// fences are those that the connections of Client tell already.
	fences *fences
}

// Redis keeps tickets in a Redis server, for any number of processes. It needs
// version 6.2 or later, and the server's clock decides when a ticket ends. It
// is safe for concurrent use.
//
// No command is sent twice. Were the client library to repeat one, "consumed,
// and the reply was lost" would turn into "spent by somebody else". A lost
// reply is [ticket.ErrUnavailable], also where the command has run.
//
// It speaks to primaries alone, whatever the client may know of replicas, and
// holds single use across failovers and restarts; see [FenceMode]. Where it
// goes without a fence, whoever puts a replica or a proxy with replicas behind
// the address loses single use.
type Redis struct {
	client    redis.UniversalClient
	lane      lane
	owned     bool // by this store, which then closes it
	prefix    string
	retention any // in ms, as an argument
	timeout   time.Duration
	mode      FenceMode
	fences    *fences
	identity  script
	consume   guarded
	settle    guarded
	lookup    guarded
}

// NewRedis returns a store on o.Client, or an error that lists every fault of
// o. It does not speak to the server; see [Redis.Ping] and [Redis.Probe].
func NewRedis(o RedisOptions) (*Redis, error) {
	o.defaults()
	faults := o.faults()
	switch o.Client.(type) {
	case nil:
		faults = append([]error{errors.New("store: redis: client: required")}, faults...)
	case *redis.Ring:
		faults = append(faults, errors.New("store: redis: client: must not be a Ring"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if o.fences == nil {
		_, clustered := o.Client.(masters)
		o.fences = newFences(o.Fence, clustered)
	}
	r := &Redis{
		client: o.Client, prefix: o.Prefix, retention: o.Retention.Milliseconds(), timeout: o.Timeout,
		mode: o.Fence, fences: o.fences, identity: newScript(identityScript),
		consume: newGuarded(consumeStep), settle: newGuarded(settleStep), lookup: newGuarded(lookupStep),
	}
	r.lane.open(o.Client, crowd, pipelineOptions())
	return r, nil
}

func (o *RedisOptions) defaults() {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Fence == "" {
		o.Fence = FenceAuto
	}
}

func (o *RedisOptions) faults() []error {
	var faults []error
	// A prefix that is a glob pattern or a hash tag would mean something else
	// in an ACL rule and on a cluster.
	if len(o.Prefix) > maxPrefix || !plain(o.Prefix) {
		faults = append(faults, fmt.Errorf(
			"store: redis: prefix: must be letters, digits and ._:- and at most %d (got %q)", maxPrefix, o.Prefix))
	}
	if o.Retention < time.Millisecond {
		faults = append(faults, fmt.Errorf("store: redis: retention: must be at least 1ms (got %s)", o.Retention))
	}
	if o.Timeout < time.Millisecond {
		faults = append(faults, fmt.Errorf("store: redis: timeout: must be at least 1ms (got %s)", o.Timeout))
	}
	switch o.Fence {
	case FenceAuto, FenceRequire, FenceOff:
	default:
		faults = append(faults, fmt.Errorf("store: redis: fence: must be auto, require or off (got %q)", o.Fence))
	}
	return faults
}

func plain(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && c != '.' && c != '_' && c != ':' && c != '-' {
			return false
		}
	}
	return true
}

// Ping asks the server for a sign of life. It does not tell whether the server
// would take a ticket: one that is full or a replica answers as well.
func (r *Redis) Ping(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	if _, err := send(limited, r.client, "ping"); err != nil {
		return fmt.Errorf("ping: %w", outage(ctx, err))
	}
	return nil
}

// PoolStats tells what the connection pool did, for metrics.
func (r *Redis) PoolStats() *redis.PoolStats { return r.client.PoolStats() }

// Close closes the client that [OpenRedis] made. One that was handed to
// [NewRedis] is its owner's to close.
func (r *Redis) Close() error {
	if !r.owned {
		return nil
	}
	if err := r.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close: %w", outage(context.Background(), err))
	}
	return nil
}
