package ws

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/relay"
)

// DefaultDrainWindow is the time over which connections are closed where none
// is configured.
const DefaultDrainWindow = 5 * time.Second

// lingerTimeout bounds a closing handshake that we began. The library waits
// five seconds for the close frame to go out and five for its answer, which a
// silent peer could make us hold a socket for.
const lingerTimeout = time.Second

// closeCode is what a connection is closed with.
type closeCode = websocket.CloseError

// goingAway is what a client reads when the Handler stops: it comes again,
// with a new ticket (RFC 6455 7.4.1).
//
//nolint:gochecknoglobals // A value that nobody assigns; Go has no constants of a struct type.
var goingAway = closeCode{Code: websocket.StatusGoingAway, Reason: "server is draining"}

// replaced ends a connection whose ticket has opened another one: the same
// attempt has come again.
//
//nolint:gochecknoglobals // Likewise.
var replaced = closeCode{Code: websocket.StatusPolicyViolation, Reason: "policy"}

// Drained accounts for the connections that [Handler.Shutdown] found.
type Drained struct {
	// Total is how many there were, Closed how many are gone, Cut how many of
	// them did not end by themselves in time.
	Total, Closed, Cut int
}

// Shutdown stops the Handler: handshakes are refused with 503 and spend no
// ticket, and every connection is closed with 1001, one after the other over
// [Options.DrainWindow], so that not all clients come back at once. It returns
// when the last Endpoint has returned. When ctx ends before that, the rest is
// closed together, and cut where that takes more than a second. The error, at
// most a second later, is that of ctx, where an Endpoint does not even then
// return.
func (h *Handler) Shutdown(ctx context.Context) error {
	start := h.options.Now()
	first := h.live.close()
	done := make(chan struct{})
	go func() { // ends with the last connection
		h.live.running.Wait()
		close(done)
	}()
	timers := h.spread(h.live.all())
	err := h.awaitDrain(ctx, done)
	for _, timer := range timers {
		timer.Stop()
	}
	if first {
		d := h.Stats().Drained
		h.options.Logger.InfoContext(ctx, "drained", "connections", d.Total, "closed", d.Closed,
			"cut", d.Cut, "left", d.Total-d.Closed, "took", h.options.Now().Sub(start))
	}
	return err
}

// spread ends the connections evenly over the window, in no certain order. The
// timers end with it.
func (h *Handler) spread(all []*connection) []*time.Timer {
	timers := make([]*time.Timer, len(all))
	for i, c := range all {
		after := h.options.DrainWindow * time.Duration(i) / time.Duration(len(all))
		timers[i] = time.AfterFunc(after, func() { h.live.end(c, goingAway) })
	}
	return timers
}

// awaitDrain waits for the end. When ctx ends before it, the rest has to hurry.
func (h *Handler) awaitDrain(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range h.live.all() {
		h.live.end(c, goingAway)
	}
	if within(lingerTimeout, done) {
		return nil
	}
	h.live.cut()
	if within(lingerTimeout, done) {
		return nil
	}
	return fmt.Errorf("ws: shutdown: %w", ctx.Err())
}

// within tells whether done is closed before limit has passed.
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

// close refuses whatever comes from now on, and tells whether it is the first
// to do so.
func (l *live) close() (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, l.stopped = !l.stopped, true
	if first {
		l.drained.Total = len(l.open)
	}
	l.stop()
	return first
}

// cut breaks every connection that there still is.
func (l *live) cut() {
	for _, c := range l.all() {
		c.cut()
		l.mu.Lock()
		if !c.wasCut { // by another Shutdown
			c.wasCut = true
			l.drained.Cut++
		}
		l.mu.Unlock()
	}
}

// Stats are counts of a [Handler].
type Stats struct {
	// Connections there are now, by the door that they came by.
	Connections map[Door]map[State]int
	// Unauthenticated are those beside them whose peers have not shown yet who
	// they are, or have failed to and are being closed.
	Unauthenticated int
	// FromClient and FromUpstream are what was relayed since the start.
	FromClient, FromUpstream Traffic
	// Drained is zero until the Handler stops.
	Drained Drained
}

// Traffic is what was relayed in one direction: whole messages, and bytes with
// the headers of their frames.
type Traffic = relay.Traffic

// Stats returns the counts. The caller owns the maps.
func (h *Handler) Stats() Stats {
	h.live.mu.Lock()
	defer h.live.mu.Unlock()
	s := Stats{
		Connections: make(map[Door]map[State]int), Drained: h.live.drained,
		Unauthenticated: h.unauthenticated.count(),
	}
	for door, states := range h.live.counts {
		s.Connections[door] = maps.Clone(states)
	}
	if h.relay != nil {
		relayed := h.relay.Stats()
		s.FromClient, s.FromUpstream = relayed.FromClient, relayed.FromUpstream
	}
	return s
}
