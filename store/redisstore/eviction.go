package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/ticket"
)

const (
	// noEviction is the policy of a server that refuses new keys when it is out
	// of memory.
	noEviction = "noeviction"
	// maxPolicy is longer than the name of any policy.
	maxPolicy = 32
)

// EvictionError says that a primary evicts keys when it runs out of memory.
// Single use still holds, because a lost record is a refusal, but good tickets
// are refused and replays are not detected.
type EvictionError struct{ policy string }

// Policy returns the server's maxmemory-policy, such as "volatile-lru". It is
// empty if the server does not report it.
func (e *EvictionError) Policy() string { return e.policy }

// Error names the policy that was found and the one that is wanted.
func (e *EvictionError) Error() string {
	if e.policy == "" {
		return "redis: maxmemory-policy: the server does not report it, want " + noEviction
	}
	return fmt.Sprintf("redis: maxmemory-policy: got %s, want %s", e.policy, noEviction)
}

// CheckEviction asks every primary for its maxmemory-policy, by INFO, so that it
// needs no permission for CONFIG. It returns an [*EvictionError] if one of them
// may evict tickets, and an error that wraps [ticket.ErrUnavailable] if one does
// not answer.
func (s *Store) CheckEviction(ctx context.Context) error {
	var mu sync.Mutex
	var wrong *EvictionError
	err := s.eachPrimary(ctx, func(ctx context.Context, p processor) error {
		r, err := send(ctx, p, "info", "memory")
		if err != nil {
			return err
		}
		policy := infoField(string(r.value), "maxmemory_policy")
		if policy == noEviction {
			return nil
		}
		if len(policy) > maxPolicy || !isName(policy) {
			policy = "" // unknown text, which must not get into a log
		}
		mu.Lock()
		defer mu.Unlock()
		wrong = &EvictionError{policy: policy}
		return nil
	})
	switch {
	case wrong != nil:
		return wrong
	case err != nil:
		return fmt.Errorf("check eviction: %w", err)
	default:
		return nil
	}
}

// WatchEviction calls [Store.CheckEviction] at an interval and reports each
// change of its result, which it takes for nil at first: an [*EvictionError], and
// nil when the policy is right again. It does not report that a server is
// unavailable. It blocks until ctx ends.
func (s *Store) WatchEviction(ctx context.Context, interval time.Duration, report func(error)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var last string
	for {
		err := s.CheckEviction(ctx)
		var now string
		if err != nil {
			now = err.Error()
		}
		if now != last && !errors.Is(err, ticket.ErrUnavailable) {
			report(err)
			last = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// eachPrimary runs fn for every primary, concurrently on a cluster, within the
// store's timeout.
func (s *Store) eachPrimary(ctx context.Context, fn func(context.Context, processor) error) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	nodes, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return s.translate(ctx, fn(limited, s.client))
	}
	return s.translate(ctx, nodes.ForEachMaster(limited, func(ctx context.Context, c *redis.Client) error {
		return fn(ctx, c)
	}))
}

// infoField returns a field of the reply to INFO.
func infoField(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}
