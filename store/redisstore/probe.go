package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Report is the result of [Store.Probe].
type Report struct {
	// Fenced reports whether single use holds across failovers and restarts.
	Fenced bool
	// Weaker says in one sentence what does not hold if Fenced is false.
	Weaker string
}

const (
	weaker = "a ticket may be accepted a second time after a failover of Redis," +
		" or after a restart that brings back an older state from disk"
	weakerHidden = "Redis does not report its replication identity (INFO replication, which a script must be allowed to call): " + weaker
	weakerOff    = "the fence is switched off: " + weaker
)

// Probe asks every primary for its replication identity, as the scripts do, and
// reports whether single use holds across failovers. A program may call it at
// its start; a store works without.
//
// The error wraps [ticket.ErrUnavailable]. It is an [*OutageError] of kind
// [OutageFence] if a server does not report its identity although the fence is
// required or another server has reported one.
func (s *Store) Probe(ctx context.Context) (Report, error) {
	if s.mode == FenceOff {
		return Report{Weaker: weakerOff}, nil
	}
	err := s.eachPrimary(ctx, func(ctx context.Context, p processor) error {
		r, err := runScript(ctx, p, s.scripts.identity, nil)
		if err != nil {
			return err
		}
		_, err = s.fences.learn(addrOf(p), string(r.value), time.Now())
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("probe: %w", err)
	}
	if s.fences.fencing() != fencingOn {
		return Report{Weaker: weakerHidden}, nil
	}
	return Report{Fenced: true}, nil
}

// Versions returns the versions of the primaries, such as "7.2.4", each once and
// sorted. A server that does not say has none.
func (s *Store) Versions(ctx context.Context) ([]string, error) {
	var mu sync.Mutex
	found := make(map[string]bool)
	err := s.eachPrimary(ctx, func(ctx context.Context, p processor) error {
		r, err := send(ctx, p, "info", "server")
		if version := infoField(string(r.value), "redis_version"); err == nil && isName(version) && len(version) <= maxVersion {
			mu.Lock()
			defer mu.Unlock()
			found[version] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("versions: %w", err)
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// maxVersion is longer than any version.
const maxVersion = 32

// addrOf returns the address of a node of a cluster.
func addrOf(p processor) string {
	if node, ok := p.(*redis.Client); ok {
		return node.Options().Addr
	}
	return ""
}
