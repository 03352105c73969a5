package live

import (
	"context"
	"fmt"
	"time"

	"wsticket/ticket"
)

// FeedEvent says that a connection of a caller has to end, or that its deadline moved.
type FeedEvent struct {
	TicketID ticket.ID
	// Ending is how the connection has to end; zero if it was renewed.
	Ending ticket.Ending
	// Until is the new deadline of one that was renewed.
	Until time.Time
	// At is when this was decided.
	At time.Time
}

// Feed is one open feed. It is for one goroutine.
type Feed struct {
	feeds  *Feeds
	caller *feedCaller
	ctx    context.Context // from Open to Close
	end    context.CancelFunc
	at     ticket.Position
	began  bool
	closed bool
}

// Open opens a feed of a caller behind a cursor; an empty one is the beginning of what is
// kept, 24 hours. It ends with ctx, or when the registry stops. The error wraps
// [ErrCursor], [ErrFeeds] or [ticket.ErrUnavailable].
func (f *Feeds) Open(ctx context.Context, caller, since string) (*Feed, error) {
	c := f.caller(caller)
	at, err := f.parseCursor(c, since)
	if err != nil {
		return nil, fmt.Errorf("open a feed: %w", err)
	}
	if !f.enter(c) {
		return nil, fmt.Errorf("open a feed: %w", ErrFeeds)
	}
	feed := &Feed{feeds: f, caller: c, at: at, began: since != ""}
	ctx, cancel := context.WithCancel(ctx)
	stopped := f.r.OnStop(cancel)
	feed.ctx, feed.end = ctx, func() { stopped(); cancel() }
	if err := f.append(ctx, c, feedEntry{Kind: feedOpened}); err != nil {
		feed.Close()
		return nil, fmt.Errorf("open a feed: %w", err)
	}
	c.mu.Lock()
	c.exists, c.asked = true, f.r.o.Now()
	c.mu.Unlock()
	return feed, nil
}

// enter counts an open feed, and begins to keep the caller's connections with the first
// one.
func (f *Feeds) enter(c *feedCaller) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.open >= MaxFeeds {
		return false
	}
	if c.open++; c.open == 1 {
		c.keeper = f.keep(c)
	}
	return true
}

// Close ends the feed. With the last one of its caller the connections leave the
// registry; they are in the store. It may be called twice.
func (f *Feed) Close() {
	if f.closed {
		return
	}
	f.closed = true
	f.end()
	all := f.feeds
	all.mu.Lock()
	c := f.caller
	var last *feedKeeper
	if c.open--; c.open == 0 {
		last, c.keeper = c.keeper, nil
	}
	all.mu.Unlock()
	if last != nil {
		last.stop()
	}
}

// Next returns what has happened since the last call, and the cursor behind it. It waits
// for something, at most two seconds. The error wraps [ErrCursor] if the place of the
// feed is lost, and otherwise [ticket.ErrUnavailable].
func (f *Feed) Next() (events []FeedEvent, cursor string, err error) {
	reading, cancel := context.WithTimeout(f.ctx, readTimeout)
	defer cancel()
	batch, err := f.caller.stream.Read(reading, f.at)
	if err != nil {
		return nil, "", fmt.Errorf("read a feed: %w", err)
	}
	if batch.Restarted && f.began {
		return nil, "", fmt.Errorf("read a feed: %w", ErrCursor)
	}
	f.at, f.began = batch.Next, true
	for _, sealed := range batch.Entries {
		e, ok := f.feeds.entry(f.caller, sealed)
		switch {
		case ok && e.Kind == feedEnded:
			events = append(events, FeedEvent{TicketID: e.ID, Ending: ticket.Ending{Code: e.Code, Reason: e.Reason}, At: e.At})
		case ok && e.Kind == feedRenewed:
			events = append(events, FeedEvent{TicketID: e.ID, Until: e.Grant.ConnectionExpiresAt, At: e.At})
		}
	}
	return events, f.feeds.cursorOf(f.caller, f.at), nil
}
