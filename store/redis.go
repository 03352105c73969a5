package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/ticket"
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
	// Client speaks to Redis. Required by [NewRedis], where it stays the
	// caller's; [OpenRedis] makes its own. A client of one's own should have
	// ContextTimeoutEnabled, or Timeout does not hold.
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
}

// Redis keeps tickets in a Redis server, for any number of processes. It needs
// version 6.2 or later, and the server's clock decides when a ticket ends. It
// is safe for concurrent use.
//
// No command is sent twice. Were the client library to repeat one, "consumed,
// and the reply was lost" would turn into "spent by somebody else". A lost
// reply is [ticket.ErrUnavailable], also where the command has run.
//
// It speaks to the server that it was given. Whoever puts a replica or a proxy
// with replicas behind that address loses single use.
type Redis struct {
	client    redis.UniversalClient
	owned     bool // by this store, which then closes it
	prefix    string
	retention time.Duration
	timeout   time.Duration
	consume   script
	settle    script
}

var _ ticket.Store = (*Redis)(nil)

// NewRedis returns a store on o.Client, or an error that lists every fault of
// o. It does not speak to the server; see [Redis.Ping].
func NewRedis(o RedisOptions) (*Redis, error) {
	o.defaults()
	faults := o.faults()
	if o.Client == nil {
		faults = append([]error{errors.New("store: redis: client: required")}, faults...)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &Redis{
		client: o.Client, prefix: o.Prefix, retention: o.Retention, timeout: o.Timeout,
		consume: newScript(consumeScript), settle: newScript(settleScript),
	}, nil
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

// Create implements ticket.Store with one command that sets value and time to
// live together. A lifetime under a millisecond is [ticket.ErrInvalidRequest].
func (r *Redis) Create(ctx context.Context, id ticket.ID, rec ticket.Record, lifetime time.Duration) error {
	value, err := encode(id, rec)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if lifetime < time.Millisecond {
		return fmt.Errorf("create: lifetime: %w", ticket.ErrInvalidRequest)
	}
	answer, err := r.ask(ctx, "set", r.key(id), value, "nx", "px", lifetime.Milliseconds())
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if !answer.found {
		return fmt.Errorf("create: %w", ticket.ErrExists)
	}
	return nil
}

// Consume implements ticket.Store with one script on one key. After an
// [ticket.ErrUnavailable] the ticket may be spent; nobody was let in by it.
func (r *Redis) Consume(ctx context.Context, id ticket.ID, mark ticket.Mark) (ticket.Record, error) {
	entry, err := r.run(ctx, r.consume, id, mark, r.retention.Milliseconds())
	if err != nil {
		return ticket.Record{}, fmt.Errorf("consume: %w", err)
	}
	if entry.Mark.State != ticket.Pending {
		return ticket.Record{}, fmt.Errorf("consume: %w", &ticket.SpentError{Mark: entry.Mark})
	}
	return entry.Record, nil
}

// Settle implements ticket.Store. The mark goes on to end when it would have.
func (r *Redis) Settle(ctx context.Context, id ticket.ID, mark ticket.Mark) error {
	entry, err := r.run(ctx, r.settle, id, mark)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	if entry.Mark.State == ticket.Pending {
		return fmt.Errorf("settle: %w", ticket.ErrNotFound)
	}
	return nil
}

// run marks a ticket by a script and returns the entry as it was before.
func (r *Redis) run(ctx context.Context, s script, id ticket.ID, mark ticket.Mark, more ...any) (ticket.Entry, error) {
	stored, err := encodeMark(mark)
	if err != nil {
		return ticket.Entry{}, err
	}
	args := append([]any{[]byte{stored.state}, stored.bytes}, more...)
	answer, err := r.eval(ctx, s, r.key(id), args...)
	if err != nil {
		return ticket.Entry{}, err
	}
	return answer.entry(id)
}

// Lookup implements ticket.Store with a GET.
func (r *Redis) Lookup(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
	answer, err := r.ask(ctx, "get", r.key(id))
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", err)
	}
	entry, err := answer.entry(id)
	if err != nil {
		return ticket.Entry{}, fmt.Errorf("lookup: %w", err)
	}
	return entry, nil
}

// Ping asks the server for a sign of life. It does not tell whether the server
// would take a ticket: one that is full or a replica answers as well.
func (r *Redis) Ping(ctx context.Context) error {
	if _, err := r.ask(ctx, "ping"); err != nil {
		return fmt.Errorf("ping: %w", err)
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

func (r *Redis) key(id ticket.ID) string { return r.prefix + string(id) }
