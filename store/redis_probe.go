package store

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Report is what [Redis.Probe] found out.
type Report struct {
	// Fenced tells that single use holds across failovers and restarts.
	Fenced bool
	// Weaker says in one sentence what does not hold where it does not.
	Weaker string
}

const (
	weaker = "a ticket may be accepted a second time after a failover of Redis," +
		" or after a restart that brings back an older state from disk"
	weakerHidden = "Redis does not tell its replication identity (INFO replication, which a script must be allowed to call): " + weaker
	weakerOff    = "the fence is switched off: " + weaker
)

// Probe asks every primary who it is, as the scripts will ask, and tells what
// may be promised with it. It is meant for the start of a program; tickets can
// be created without.
//
// The error wraps [ticket.ErrUnavailable]. It is an *[OutageError] of kind
// [OutageFence] where a server does not tell, and the fence is required, or
// where another one has told already.
func (r *Redis) Probe(ctx context.Context) (Report, error) {
	if r.mode == FenceOff {
		return Report{Weaker: weakerOff}, nil
	}
	err := r.eachPrimary(ctx, func(ctx context.Context, c processor) error {
		answer, err := run(ctx, c, r.identity, nil)
		if err != nil {
			return err
		}
		_, err = r.fences.learn(nodeName(c), string(answer.value), time.Now())
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("probe: %w", err)
	}
	if r.fences.now() != fencingOn {
		return Report{Weaker: weakerHidden}, nil
	}
	return Report{Fenced: true}, nil
}

// nodeName names a node of a cluster.
func nodeName(c processor) string {
	if node, ok := c.(*redis.Client); ok {
		return node.Options().Addr
	}
	return ""
}
