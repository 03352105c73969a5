package live

import (
	"context"
	"fmt"
	"time"

	"wsticket/ticket"
)

const (
	maxDrainWindow = 10 * time.Minute
	maxNotice      = time.Hour
	// Linger bounds a closing handshake that we began.
	Linger = time.Second
)

// Drained counts what became of the connections that [Registry.Shutdown]
// closed.
type Drained struct {
	// Total is how many there were, Closed how many are closed, and Cut how
	// many of these did not end in time and were cut.
	Total, Closed, Cut int
}

// Shutdown stops the registry: [Registry.Enter] refuses, and every connection
// is ended with 1001, one after the other over Options.DrainWindow, so that not
// all clients reconnect at once. It returns when the last one is removed. If
// ctx ends before that, the others are ended at once, and cut after a second.
// The error is that of ctx; it is returned if some connections have not been
// removed a second after they were cut.
func (r *Registry) Shutdown(ctx context.Context) error {
	r.halt()
	done := make(chan struct{})
	go func() { // ends with the last connection
		r.running.Wait()
		close(done)
	}()
	timers := r.spread(r.all())
	defer func() {
		for _, timer := range timers {
			timer.Stop()
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range r.all() {
		c.End(ticket.EndDraining)
	}
	if within(Linger, done) {
		return nil
	}
	r.cut()
	if within(Linger, done) {
		return nil
	}
	return fmt.Errorf("live: shutdown: %w", ctx.Err())
}

// Leave says that Shutdown comes soon. Nothing is refused yet.
func (r *Registry) Leave() { r.leaving.Store(true) }

// Leaving reports whether [Registry.Leave] or [Registry.Shutdown] was called. An
// application that is gone then has stopped together with this process.
func (r *Registry) Leaving() bool { return r.leaving.Load() }

// halt refuses everything from now on.
func (r *Registry) halt() {
	r.Leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	for i := range r.shards {
		r.shards[i].halt()
	}
	r.stop()
}

// halt counts the connections that there are when the registry stops.
func (s *shard) halt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.stopped = true
	for _, n := range s.counts {
		s.drained.Total += n
	}
}

// spread ends the connections evenly over the window, in no particular order.
func (r *Registry) spread(all []*Connection) []*time.Timer {
	timers := make([]*time.Timer, len(all))
	for i, c := range all {
		after := r.o.DrainWindow * time.Duration(i) / time.Duration(len(all))
		timers[i] = time.AfterFunc(after, func() { c.End(ticket.EndDraining) })
	}
	return timers
}

// cut closes the socket of every connection that is left.
func (r *Registry) cut() {
	for _, c := range r.all() {
		if c.cutOff() { // and not another Shutdown
			r.cuts.Add(1)
		}
	}
}

// within reports whether done is closed before limit has passed.
func within(limit time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
