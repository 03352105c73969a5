package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wsticket/ticket"
)

// keepTimeout bounds how long somebody waits until an event is stored.
const keepTimeout = 2 * time.Second

// The reasons of an error of [Trail.Keep], which wraps [ticket.ErrUnavailable].
var (
	errKeepTime    = errors.New("the event is not stored in time")
	errKeepFailing = errors.New("the database does not take events")
	errKeepStopped = errors.New("the trail has stopped")
)

// Keep implements [ticket.Keeper]: it stores an event before it returns, together with
// those of others who wait at the same time. An error wraps [ticket.ErrUnavailable]: the
// event is not stored in 2 s, or the database has not taken any for as long. It is not
// known then whether it is stored later.
func (t *Trail) Keep(ctx context.Context, e ticket.Event) error {
	if err := t.keep(ctx, &e); err != nil {
		return fmt.Errorf("audit: %w: %w", ticket.ErrUnavailable, err)
	}
	return nil
}

func (t *Trail) keep(ctx context.Context, e *ticket.Event) error {
	if !e.Audited() {
		return nil
	}
	if since, _, _ := t.health.state(); !since.IsZero() && time.Since(since) > keepTimeout {
		return errKeepFailing // and whoever comes next need not wait for it
	}
	ctx, cancel := context.WithTimeoutCause(ctx, keepTimeout, errKeepTime)
	defer cancel()
	k := &kept{stored: make(chan struct{})}
	at := t.o.Now()
	for {
		room, ok := t.queue.put(e, at, k)
		if ok {
			break
		}
		if room == nil {
			return errKeepStopped
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	select {
	case <-k.stored:
		return nil
	case <-ctx.Done():
		t.queue.withdraw(k)
		return context.Cause(ctx)
	}
}
