package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Store keeps tickets in Redis. It is safe for concurrent use. The server's
// clock decides when a ticket expires.
//
// It sends commands to primaries alone. A proxy that answers from replicas must
// not be put in front of them: with the fence the store refuses what a replica
// answers, without it tickets could be accepted twice.
type Store struct {
	client    redis.UniversalClient
	pipeline  pipeline
	prefix    string
	retention time.Duration
	// streamRetention is Options.StreamRetention, or longer.
	streamRetention atomic.Int64
	timeout         time.Duration
	mode            FenceMode
	fences          *fenceTable
	scripts         scripts
	addrs           string
	link            Link
	handshakes      *handshakes
}

// newStore returns a store on a client that belongs to it. The options have
// their defaults.
func newStore(client redis.UniversalClient, fences *fenceTable, o Options) *Store {
	s := &Store{
		client: client, prefix: o.Prefix, retention: o.Retention, timeout: o.Timeout,
		mode: o.Fence, fences: fences, scripts: newScripts(), handshakes: new(handshakes),
	}
	s.streamRetention.Store(int64(o.StreamRetention))
	s.pipeline.init(client, pipelineThreshold, pipelineOptions())
	return s
}

// Address returns the host and port that the URL names, for messages; with
// Sentinels or a cluster several, with commas between them.
func (s *Store) Address() string { return s.addrs }

// Link says how the servers are reached that the URL names.
type Link struct {
	// TLS reports whether the connection is encrypted.
	TLS bool
	// Authenticated reports whether there is a password or a client certificate.
	Authenticated bool
	// KeyFile holds the key of the client certificate, empty if there is none.
	KeyFile string
}

// Link returns how the servers are reached that the URL names.
func (s *Store) Link() Link { return s.link }

// Ping returns nil if the server answers. That does not mean that it would take
// a ticket: a replica or a server without memory answers too.
func (s *Store) Ping(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if _, err := send(limited, s.client, "ping"); err != nil {
		return fmt.Errorf("ping: %w", s.translate(ctx, err))
	}
	return nil
}

// PoolStats are the counts of the client's connection pools, for metrics.
type PoolStats struct {
	// Hits and Misses count the requests for a connection that got one from the
	// pool, and those that got a new one. Timeouts counts those that got none
	// in time.
	Hits, Misses, Timeouts uint32
	// StaleConns counts the connections that were removed from the pool.
	StaleConns uint32
	// TotalConns is the number of connections now, IdleConns that of the idle
	// ones.
	TotalConns, IdleConns uint32
}

// PoolStats returns the counts of the connection pools, summed over the nodes
// of a cluster.
func (s *Store) PoolStats() PoolStats {
	p := s.client.PoolStats()
	return PoolStats{
		Hits: p.Hits, Misses: p.Misses, Timeouts: p.Timeouts,
		StaleConns: p.StaleConns, TotalConns: p.TotalConns, IdleConns: p.IdleConns,
	}
}

// assumedNodes is how many nodes a cluster is taken to have.
const assumedNodes = 6

// MaxConns returns how many connections to Redis there may be at once, for those
// who count open files. With a cluster it is an estimate.
func (s *Store) MaxConns() int {
	switch client := s.client.(type) {
	case *redis.ClusterClient:
		return client.Options().PoolSize * assumedNodes
	case *redis.Client:
		return client.Options().PoolSize
	default:
		return 0
	}
}

// Close closes the connections. It may be called twice.
func (s *Store) Close() error {
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close: %w", translate(context.Background(), err))
	}
	return nil
}
