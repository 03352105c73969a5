package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"wsticket/ticket"
)

// EndedError is the cause of a context of [Guard.Context] whose connection has to end.
type EndedError struct {
	// Ending is the code and reason to close it with.
	Ending ticket.Ending
}

// Error returns the reason.
func (e *EndedError) Error() string {
	return fmt.Sprintf("the connection has to end: %d %s", e.Ending.Code, e.Ending.Reason)
}

var (
	errNoFeed error = &outage{"the feed of endings is not open yet", "remote_feed"}
	errGone         = errors.New("the cursor is too old")
)

// Guard is a [Redeemer] that also learns when what it has redeemed has to end: because
// it was revoked, or its time is over. It is safe for concurrent use. Start
// [Guard.Run], and use [Guard.Context] for each connection:
//
//	ctx, release := guard.Context(ctx, grant.ID)
//	defer release()
//	…
//	var ended *remote.EndedError
//	if errors.As(context.Cause(ctx), &ended) { // close with ended.Ending }
type Guard struct {
	*Redeemer

	mu    sync.Mutex
	open  bool // a feed was open once
	known map[ticket.ID]*guarded
}

// guarded is a grant that has not ended.
type guarded struct {
	ctx   context.Context //nolint:containedctx // it stands for the life of the grant
	end   context.CancelCauseFunc
	until time.Time
	timer *time.Timer // nil until it is redeemed
}

// NewGuard returns a Guard. The errors are those of [New].
func NewGuard(o Options) (*Guard, error) {
	r, err := New(o)
	if err != nil {
		return nil, err
	}
	return &Guard{Redeemer: r, known: make(map[ticket.ID]*guarded)}, nil
}

// Redeem is [Redeemer.Redeem]. Until Run has opened the feed the error is
// [ticket.ErrUnavailable], and the ticket is not spent: an ending could be missed.
func (g *Guard) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	id := token.ID()
	first, ok := g.expect(id) // before: its end may come before the answer
	if !ok {
		return ticket.Grant{}, fmt.Errorf("remote redeem: %w", errNoFeed)
	}
	grant, err := g.Redeemer.Redeem(ctx, token, p)
	if err != nil {
		if first {
			g.end(id, context.Canceled)
		}
		return ticket.Grant{}, err
	}
	g.until(id, grant.ConnectionExpiresAt)
	return grant, nil
}

// expect notes a ticket. first is false if it was noted before, and ok if there was
// a feed.
func (g *Guard) expect(id ticket.ID) (first, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		return false, false
	}
	if g.known[id] != nil {
		return false, true
	}
	ctx, end := context.WithCancelCause(context.Background())
	g.known[id] = &guarded{ctx: ctx, end: end}
	return true, true
}

// until sets when a grant ends by itself. An earlier time is not taken: renewals are
// repeated, and one may come before the answer that it is about.
func (g *Guard) until(id ticket.ID, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.known[id]
	if k == nil || !at.After(k.until) {
		return
	}
	if k.timer != nil {
		k.timer.Stop()
	}
	k.until = at
	k.timer = time.AfterFunc(at.Sub(g.now()), func() { g.end(id, &EndedError{ticket.EndExpired}) })
}

// end ends a grant, and forgets it.
func (g *Guard) end(id ticket.ID, cause error) {
	g.mu.Lock()
	k := g.known[id]
	delete(g.known, id)
	g.mu.Unlock()
	if k == nil {
		return
	}
	if k.timer != nil {
		k.timer.Stop()
	}
	k.end(cause)
}

// Context returns a copy of ctx that ends with the grant of an ID, which Redeem has
// returned; its cause is an [*EndedError] then. One that has ended already, or was
// released, is [ticket.EndRevoked]. Call release when the connection is closed.
func (g *Guard) Context(ctx context.Context, id ticket.ID) (guardedCtx context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	g.mu.Lock()
	k := g.known[id]
	g.mu.Unlock()
	if k == nil {
		cancel(&EndedError{ticket.EndRevoked})
		return ctx, func() {}
	}
	stop := context.AfterFunc(k.ctx, func() { cancel(context.Cause(k.ctx)) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
		g.end(id, context.Canceled)
	}
}
