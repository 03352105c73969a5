package live

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"wsticket/internal/pause"
	"wsticket/ticket"
)

const (
	// awaitTimeout bounds how long an admission waits for the stream.
	awaitTimeout = time.Second
	// readTimeout bounds one read, which waits for entries by itself.
	readTimeout = 5 * time.Second
	// retryPause is the time between two attempts to read.
	retryPause = 250 * time.Millisecond
	// offerSpread is the time over which processes offer what a new stream lacks, so
	// that the second one finds what the first one has offered.
	offerSpread = 250 * time.Millisecond
	// forgedPause is the shortest time between two log lines about forged entries.
	forgedPause = time.Minute
)

// follower is how far a process has read the stream.
type follower struct {
	mu       sync.Mutex
	at       ticket.Position
	moved    chan struct{} // closed when one of the following changes
	synced   bool          // it was read to its end once
	stale    bool          // it could not be read for Options.MaxStale
	owing    bool          // the stream may lack something that this process knows
	lastRead time.Time
	// failingSince is when the first read failed since lastRead, and zero if none has.
	// A process that was suspended reads late and has not failed.
	failingSince time.Time
	loggedAt     time.Time
	counts       RevocationStats

	mark ticket.Position // of what is read before something is offered; only step uses it
}

func (f *follower) begin() { f.moved, f.owing = make(chan struct{}), true }

// await returns when the stream was read up to head. The error wraps
// [ticket.ErrUnavailable].
func (f *follower) await(ctx context.Context, head ticket.Position) error {
	var cancel context.CancelFunc
	for {
		f.mu.Lock()
		ready, stale, moved := f.synced && f.at.Covers(head), f.stale, f.moved
		f.mu.Unlock()
		switch {
		case stale:
			return fmt.Errorf("revocations cannot be read: %w", ticket.ErrUnavailable)
		case ready:
			return nil
		case cancel == nil:
			ctx, cancel = context.WithTimeout(ctx, awaitTimeout)
			defer cancel()
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("revocations are not read yet: %w", ticket.ErrUnavailable)
		}
	}
}

// change changes the state and wakes whoever waits for it.
func (f *follower) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.moved)
	f.moved = make(chan struct{})
}

// owe notes that the stream may lack something.
func (f *follower) owe() { f.change(func() { f.owing = true }) }

func (f *follower) state() (at ticket.Position, owing, synced bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at, f.owing, f.synced
}

// failed notes that a read has failed.
func (f *follower) failed(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failingSince.IsZero() {
		f.failingSince = now
	}
}

// forged counts an entry that did not open.
func (f *follower) forged(ctx context.Context, log *slog.Logger, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.Forged++
	if now.Sub(f.loggedAt) >= forgedPause || f.loggedAt.IsZero() {
		f.loggedAt = now
		log.ErrorContext(ctx, "an entry of the stream of revocations does not open: somebody else writes to the store, or a process has other seal keys",
			"forged", f.counts.Forged)
	}
}

func (f *follower) stats(now time.Time) RevocationStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.counts
	if !f.lastRead.IsZero() {
		s.Stale = max(0, now.Sub(f.lastRead))
	}
	return s
}

// Sync reads what is stored, and the stream to its end. Call it before connections and
// bearers are accepted. The error wraps [ticket.ErrUnavailable].
func (r *Registry) Sync(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	for r.o.Stream != nil {
		if _, _, synced := r.follower.state(); synced {
			return nil
		}
		if err := r.step(ctx); err != nil && !pause.For(ctx, retryPause) {
			return fmt.Errorf("read revocations: %w", err)
		}
	}
	return nil
}

// Follow reads the stream until ctx ends, and applies what it finds. It stores what could
// not be stored before. Call it once.
func (r *Registry) Follow(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	if r.o.Durable != nil {
		watching.Go(func() { r.storeOwed(ctx) })
	}
	if r.o.Stream == nil {
		return
	}
	if r.o.MaxStale > 0 {
		watching.Go(func() { r.watchStale(ctx) })
	}
	for ctx.Err() == nil {
		if err := r.step(ctx); err != nil {
			pause.For(ctx, retryPause)
		}
	}
}

// step reads once, and offers what the stream lacks as soon as everything in it is
// read.
func (r *Registry) step(ctx context.Context) error {
	f := &r.follower
	at, owing, _ := f.state()
	if owing && f.mark == (ticket.Position{}) {
		// A full store takes none. Then an empty batch is the end.
		f.mark, _ = r.append(ctx, nil)
	}
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	batch, err := r.o.Stream.Read(reading, at)
	if err != nil {
		f.failed(r.o.Now())
		return err
	}
	r.take(ctx, batch)
	at, owing, synced := f.state()
	if batch.Restarted {
		f.mark = ticket.Position{} // of another stream, perhaps
		if synced {
			pause.For(ctx, somewhere(offerSpread))
		}
	}
	caughtUp := len(batch.Entries) == 0 || f.mark != (ticket.Position{}) && at.Covers(f.mark)
	if !owing || !caughtUp {
		return nil
	}
	f.mark = ticket.Position{}
	f.change(func() { f.synced = true })
	return r.offer(ctx)
}

// take applies a batch. Whoever waits for it goes on when all of it is applied.
func (r *Registry) take(ctx context.Context, batch ticket.Batch) {
	f := &r.follower
	known := r.revoked.size(r.o.Now())
	if batch.Restarted {
		r.revoked.forget()
	}
	for _, entry := range batch.Entries {
		r.receive(ctx, entry)
	}
	now := r.o.Now()
	f.change(func() {
		first := f.at == (ticket.Position{})
		f.at, f.lastRead, f.failingSince, f.stale = batch.Next, now, time.Time{}, false
		if !batch.Restarted || first {
			return
		}
		f.owing = true
		f.counts.Restarts++
		if !batch.Gap {
			return
		}
		f.counts.Gaps++
	})
	if batch.Gap {
		r.o.Logger.ErrorContext(ctx, "the stream of revocations has lost entries: it is read from its beginning, and what this process knows is offered again",
			"known", known)
	}
}

// offer appends what this process knows and the stream lacks.
func (r *Registry) offer(ctx context.Context) error {
	f := &r.follower
	f.change(func() { f.owing = false })
	for ctx.Err() == nil {
		owed := r.revoked.owed(inStream, r.o.Now(), perEntry)
		if len(owed) == 0 {
			return nil
		}
		if err := r.send(ctx, owed); err != nil {
			return err
		}
	}
	f.owe()
	return ctx.Err()
}

// watchStale ends all connections when the stream could not be read for
// Options.MaxStale.
func (r *Registry) watchStale(ctx context.Context) {
	f := &r.follower
	for pause.For(ctx, min(r.o.MaxStale/4+time.Millisecond, time.Second)) {
		now := r.o.Now()
		f.mu.Lock()
		ends := !f.failingSince.IsZero() && !f.stale && now.Sub(f.failingSince) > r.o.MaxStale
		f.stale = f.stale || ends
		f.mu.Unlock()
		if !ends {
			continue
		}
		all := r.all()
		r.o.Logger.ErrorContext(ctx, "revocations could not be read for guard.max_stale: all connections are ended, and none is accepted",
			"connections", len(all), "max_stale", r.o.MaxStale.String())
		tasks := make([]task, len(all))
		for i, c := range all {
			tasks[i] = task{c, func(c *Connection) { c.End(ticket.EndOverload) }}
		}
		r.pace.do(tasks)
	}
}

// somewhere returns a random part of d.
func somewhere(d time.Duration) time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:]) // never fails
	return d * time.Duration(b[0]) / 256
}
