package audit

import (
	"context"
	"time"

	"wsticket/internal/pause"
)

const (
	// pruneInterval is how often old records are looked for.
	pruneInterval = time.Minute
	// pruneSize is how many are removed at once, so that nobody waits for it, and
	// prunePause the pause before the next ones.
	pruneSize  = 500
	prunePause = 100 * time.Millisecond
	// pruneTimeout bounds one removal.
	pruneTimeout = 10 * time.Second
)

// retain removes what is older than Options.Retention, and revocations that have expired,
// until ctx ends.
func (t *Trail) retain(ctx context.Context) {
	failing := false
	for {
		err := t.prune(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			t.o.Logger.Warn("audit: old records cannot be removed", "cause", err.Error())
		}
		failing = err != nil
		if !pause.For(ctx, pruneInterval) {
			return
		}
	}
}

func (t *Trail) prune(ctx context.Context) error {
	now := t.o.Now()
	err := inSmallParts(ctx, func(ctx context.Context) (int, error) { return t.o.Store.PruneRevocations(ctx, now, pruneSize) })
	if err != nil || t.o.Retention == 0 {
		return err
	}
	before := now.Add(-t.o.Retention)
	return inSmallParts(ctx, func(ctx context.Context) (int, error) { return t.o.Store.Prune(ctx, before, pruneSize) })
}

// inSmallParts calls remove until it has removed less than it may.
func inSmallParts(ctx context.Context, remove func(context.Context) (int, error)) error {
	for {
		part, cancel := context.WithTimeout(ctx, pruneTimeout)
		n, err := remove(part)
		cancel()
		if err != nil || n < pruneSize || !pause.For(ctx, prunePause) {
			return err
		}
	}
}
