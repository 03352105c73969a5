package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"wsticket/internal/pause"
	"wsticket/ticket"
)

// feedKeeper has the grants of one caller in the registry while it has a feed open.
type feedKeeper struct {
	feeds  *Feeds
	caller *feedCaller
	cancel context.CancelFunc
	done   sync.WaitGroup

	grants map[ticket.ID]feedEntry // which are not in the registry yet; only follow uses it

	mu    sync.Mutex
	held  map[ticket.ID]*Connection
	owed  []feedEntry // to be appended
	woken chan struct{}
}

// keep starts a keeper.
func (f *Feeds) keep(c *feedCaller) *feedKeeper {
	k := &feedKeeper{
		feeds: f, caller: c, grants: make(map[ticket.ID]feedEntry), held: make(map[ticket.ID]*Connection), woken: make(chan struct{}, 1),
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := f.r.OnStop(cancel) // the backend's sockets outlive this process
	k.cancel = func() { stopped(); cancel() }
	k.done.Go(func() { k.follow(ctx) })
	k.done.Go(func() { k.write(ctx) })
	return k
}

// stop ends the keeper and returns when it has ended.
func (k *feedKeeper) stop() {
	k.cancel()
	k.done.Wait()
}

// follow reads the feed until ctx ends, and abandons its connections then: another
// process, or the next feed, finds them in the store.
func (k *feedKeeper) follow(ctx context.Context) {
	defer k.abandon()
	var at ticket.Position
	marked := time.Now()
	for ctx.Err() == nil {
		reading, cancel := context.WithTimeout(ctx, readTimeout)
		batch, err := k.caller.stream.Read(reading, at)
		cancel()
		if err != nil {
			pause.For(ctx, retryPause)
			continue
		}
		if batch.Restarted && at != (ticket.Position{}) {
			k.feeds.restarts.Add(1)
			k.offer()
		}
		at = batch.Next
		for _, sealed := range batch.Entries {
			if e, ok := k.feeds.entry(k.caller, sealed); ok {
				k.take(e)
			}
		}
		if len(batch.Entries) < feedBatch {
			k.add(ctx)
		}
		if time.Since(marked) > feedMark {
			marked = time.Now()
			k.owe(feedEntry{Kind: feedOpened})
		}
	}
}

// take applies an entry. A grant waits for the end of the stream: it may have ended.
func (k *feedKeeper) take(e feedEntry) {
	c := k.connection(e.ID)
	switch e.Kind {
	case feedGrant:
		if c == nil {
			k.grants[e.ID] = e
		}
	case feedRenewed:
		if waiting, ok := k.grants[e.ID]; ok {
			waiting.Grant = e.Grant
			k.grants[e.ID] = waiting
		} else if c != nil {
			_, _ = k.feeds.r.replace(c, func(had ticket.Grant) (ticket.Grant, error) { return later(had, *e.Grant) })
		}
	case feedEnded:
		delete(k.grants, e.ID)
		k.drop(e.ID)
	}
}

// later returns the grant that ends later: renewals are read by those, too, who made them.
func later(had, renewed ticket.Grant) (ticket.Grant, error) {
	if !renewed.ConnectionExpiresAt.After(had.ConnectionExpiresAt) {
		return ticket.Grant{}, ticket.ErrNotFound
	}
	renewed.Head = had.Head
	return renewed, nil
}

// add enters the grants that wait. One that is over or revoked is ended.
func (k *feedKeeper) add(ctx context.Context) {
	for id, e := range k.grants {
		if ctx.Err() != nil {
			return
		}
		c := &Connection{Grant: *e.Grant, Presentation: ticket.Presentation{Door: ticket.DoorConsume, ClientIP: e.Client}}
		err := k.feeds.r.Add(ctx, c)
		switch {
		case err == nil:
			k.mu.Lock()
			k.held[id] = c
			k.mu.Unlock()
			c.Attach(feedEnder{k, id})
		case errors.Is(err, ticket.ErrBearerRevoked):
			k.owe(ended(id, endingOf(err)))
		default:
			return // it is not known yet what is revoked: once more after the next read
		}
		delete(k.grants, id)
	}
}

func (k *feedKeeper) connection(id ticket.ID) *Connection {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held[id]
}

// drop removes a connection from the registry.
func (k *feedKeeper) drop(id ticket.ID) {
	k.mu.Lock()
	c := k.held[id]
	delete(k.held, id)
	k.mu.Unlock()
	if c != nil {
		c.Abandon()
	}
}

func (k *feedKeeper) abandon() {
	k.mu.Lock()
	all := k.held
	k.held = make(map[ticket.ID]*Connection)
	k.mu.Unlock()
	for _, c := range all {
		c.Abandon()
	}
}

// offer appends the grants again after the store has lost entries.
func (k *feedKeeper) offer() {
	k.mu.Lock()
	all := make([]*Connection, 0, len(k.held))
	for _, c := range k.held {
		all = append(all, c)
	}
	k.mu.Unlock()
	k.owe(feedEntry{Kind: feedOpened})
	for _, c := range all {
		g := k.feeds.r.grantOf(c)
		k.owe(feedEntry{Kind: feedGrant, ID: g.ID, Grant: &g, Client: c.Presentation.ClientIP})
	}
}

// owe has an entry appended. There are at most a few for each connection.
func (k *feedKeeper) owe(e feedEntry) {
	k.mu.Lock()
	k.owed = append(k.owed, e)
	k.mu.Unlock()
	select {
	case k.woken <- struct{}{}:
	default:
	}
}

// write appends what is owed until ctx ends. What is lost with it is found out again by
// whoever reads the grants next.
func (k *feedKeeper) write(ctx context.Context) {
	for {
		k.mu.Lock()
		owed := k.owed
		k.owed = nil
		k.mu.Unlock()
		for _, e := range owed {
			for k.feeds.append(ctx, k.caller, e) != nil {
				if !pause.For(ctx, retryPause) {
					return
				}
			}
		}
		select {
		case <-k.woken:
		case <-ctx.Done():
			return
		}
	}
}

func ended(id ticket.ID, how ticket.Ending) feedEntry {
	return feedEntry{Kind: feedEnded, ID: id, Code: how.Code, Reason: how.Reason}
}

// feedEnder ends a connection that a backend has by an entry in its feed.
type feedEnder struct {
	k  *feedKeeper
	id ticket.ID
}

// End implements [Ender]. A registry that stops ends no sockets of backends, and neither
// does a later feed that takes a connection over.
func (e feedEnder) End(how ticket.Ending) {
	if how == ticket.EndDraining || how == ticket.EndReplaced {
		e.k.drop(e.id)
		return
	}
	e.k.owe(ended(e.id, how))
}

// Cut implements [Ender].
func (e feedEnder) Cut() { e.k.drop(e.id) }

// Renewed implements renewedEnder.
func (e feedEnder) Renewed(g ticket.Grant) {
	g.Head = ticket.Position{}
	e.k.owe(feedEntry{Kind: feedRenewed, ID: e.id, Grant: &g})
}

// renewedEnder is an [Ender] that tells others of a renewal.
type renewedEnder interface{ Renewed(g ticket.Grant) }

var _ renewedEnder = feedEnder{}
