package store

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
	// noEviction is the policy of a server that refuses what it has no room
	// for.
	noEviction = "noeviction"
	// maxPolicy is longer than the name of any policy.
	maxPolicy = 32
)

// EvictionError says that a primary drops keys where it runs out of memory.
// Single use holds there too, because a lost record is a refusal; but tickets
// that are good are refused, and replays go unnoticed.
type EvictionError struct{ policy string }

// Policy is what the server calls it, "volatile-lru" for one; empty where the
// server does not tell.
func (e *EvictionError) Policy() string { return e.policy }

// Error names the policy, which is a word of Redis.
func (e *EvictionError) Error() string {
	if e.policy == "" {
		return "redis: maxmemory-policy: the server does not tell, want " + noEviction
	}
	return fmt.Sprintf("redis: maxmemory-policy: got %s, want %s", e.policy, noEviction)
}

// CheckEviction asks every primary for its maxmemory-policy, by INFO, which
// takes no right to CONFIG. It returns an *[EvictionError] where one of them
// may drop what it holds, and an error that wraps [ticket.ErrUnavailable]
// where one does not answer.
func (r *Redis) CheckEviction(ctx context.Context) error {
	var mu sync.Mutex
	var wrong *EvictionError
	err := r.eachPrimary(ctx, func(ctx context.Context, p processor) error {
		answer, err := send(ctx, p, "info", "memory")
		if err != nil {
			return err
		}
		policy := infoField(string(answer.value), "maxmemory_policy")
		if policy == noEviction {
			return nil
		}
		if len(policy) > maxPolicy || !plain(policy) {
			policy = "" // not a word of Redis, and on its way into a log
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

// WatchEviction calls CheckEviction every so often and reports what changes,
// taking nil for what it was before: an *[EvictionError], and nil when all is
// well again. That a server does not answer is not reported; every operation
// does. It returns when ctx ends: the goroutine is the caller's.
func (r *Redis) WatchEviction(ctx context.Context, every time.Duration, report func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last string
	for {
		err := r.CheckEviction(ctx)
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

// eachPrimary runs fn for every server that may hold a live ticket, within the
// store's timeout. On a cluster it runs for all of them at once.
func (r *Redis) eachPrimary(ctx context.Context, fn func(context.Context, processor) error) error {
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	nodes, ok := r.client.(*redis.ClusterClient)
	if !ok {
		return outage(ctx, fn(limited, r.client))
	}
	return outage(ctx, nodes.ForEachMaster(limited, func(ctx context.Context, c *redis.Client) error {
		return fn(ctx, c)
	}))
}

// infoField finds a value in the text of INFO.
func infoField(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}
