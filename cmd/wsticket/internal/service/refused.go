package service

import (
	"context"
	"log/slog"
	"time"

	"wsticket/internal/bounded"
)

const (
	// refusedInterval is how often the listeners are asked how many connections
	// they have refused.
	refusedInterval = time.Second
	// refusedQuiet is how long the last refusal has to be ago for the next one to
	// be a line of the log again.
	refusedQuiet = time.Minute
)

// The remedies that the log names. Which of the two it is for one address only
// the operator knows.
const (
	remedyAll     = "raise the limit of open files (ulimit -n), or public.max_connections if that is set, or run more processes"
	remedyAddress = "if this is a proxy that sets X-Forwarded-For, add it to public.trusted_proxies; " +
		"if it passes the connections of many clients on, raise public.max_connections_per_address"
	remedyOwn = "this listener has a fixed number of places: find out who holds them, or raise the limit of open files (ulimit -n)"
)

// refusals are the connections that a bound of a listener has refused. Many
// refusals in a row are one episode, with a line at its beginning and one at its
// end.
type refusals struct {
	log    *slog.Logger // with the listener and the bound
	total  uint64       // that were seen
	before uint64       // the total before the episode
	began  time.Time    // zero outside of an episode
	last   time.Time
}

// look takes the total at a time. what says more at the beginning of an episode.
func (r *refusals) look(now time.Time, total uint64, what ...any) {
	grown := total > r.total
	before := r.total
	r.total = total
	switch {
	case grown && r.began.IsZero():
		r.began, r.last, r.before = now, now, before
		r.log.Warn("connections are refused", what...)
	case grown:
		r.last = now
	case !r.began.IsZero() && now.Sub(r.last) >= refusedQuiet:
		r.log.Warn("connections are no longer refused", "refused", total-r.before, "after", r.last.Sub(r.began))
		r.began = time.Time{}
	}
}

// watchRefused logs when listeners begin to refuse connections, and when they
// have stopped, until ctx ends.
func watchRefused(ctx context.Context, stats func() map[string]bounded.Stats, log *slog.Logger) {
	ofAll, ofAddress := make(map[string]*refusals), make(map[string]*refusals)
	for name := range stats() {
		ofAll[name] = &refusals{log: log.With("listener", name, "bound", "all")}
		ofAddress[name] = &refusals{log: log.With("listener", name, "bound", "address")}
	}
	tick := time.NewTicker(refusedInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		for name, s := range stats() {
			remedy := remedyAll
			if name != public {
				remedy = remedyOwn
			}
			ofAll[name].look(now, s.Refused, "max", s.Max, "remedy", remedy)
			ofAddress[name].look(now, s.RefusedOfAddress, "max", s.MaxOfAddress, "network", s.Network.String(), "remedy", remedyAddress)
		}
	}
}
