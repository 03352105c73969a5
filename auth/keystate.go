package auth

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"wsticket/ticket"
)

// KeyState is how the keys of one issuer stand.
type KeyState struct {
	Issuer string
	// URL is where they come from: the key set, or the issuer's discovery
	// document, with "…" in place of a query. Empty for keys of a file or from Go, which are
	// always there.
	URL string
	// Since is when Err began to be what it is: nil, or not.
	Since time.Time
	// Err is why the last fetch failed, nil if it did not. Its text is safe to
	// log and names host and cause.
	Err error
	// Keys is the number of keys that bearers are verified with now: with an
	// Err those of the last good fetch, zero once they are older than
	// JWKSMaxAge.
	Keys int
}

// KeyStates returns the state of each issuer's keys, by the issuer's name. It
// does not wait.
func (v *Verifier) KeyStates() []KeyState {
	now := v.now()
	states := make([]KeyState, 0, len(v.issuers))
	for _, name := range slices.Sorted(maps.Keys(v.issuers)) {
		state := KeyState{Issuer: name, Since: v.began}
		if set := v.issuers[name].keys.set(now); set != nil {
			state.Keys = len(set.keys)
		}
		if remote, ok := v.issuers[name].keys.(*remoteKeys); ok {
			state.URL = remote.fetcher.shownURL()
			state.Since, state.Err = remote.stateNow()
		}
		states = append(states, state)
	}
	return states
}

// fetchState is how the fetches of one issuer's keys went.
type fetchState struct {
	since   time.Time // when err began to be nil, or not
	err     error     // of the last fetch
	skipped []SkippedKey
	counts  map[string]uint64 // of fetches by outcome
}

func (r *remoteKeys) stateNow() (since time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.since, r.state.err
}

// isDown reports whether the last fetch failed, or there will be no other one.
func (r *remoteKeys) isDown() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed || r.state.err != nil
}

// fetches returns the counts by outcome. All outcomes are there.
func (r *remoteKeys) fetches() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := make(map[string]uint64)
	for _, outcome := range outcomes() {
		counts[outcome] = r.state.counts[outcome]
	}
	return counts
}

// report notes how a fetch went, and logs what changed: the begin and the end
// of an outage, and keys that are not used.
func (r *remoteKeys) report(ctx context.Context, found published, err error) {
	before, now := r.note(found, err)
	switch wasDown := before.err != nil && !errors.Is(before.err, errNotFetched); {
	case err != nil && !wasDown:
		r.log.LogAttrs(ctx, slog.LevelWarn, "keys cannot be fetched", r.describe(err)...)
	case err != nil:
		r.log.LogAttrs(ctx, slog.LevelDebug, "keys still cannot be fetched", r.describe(err)...)
	case wasDown:
		r.log.LogAttrs(ctx, slog.LevelWarn, "keys are fetched again", slog.Duration("after", now.Sub(before.since)))
	}
	if err != nil {
		return
	}
	faults := faulty(found.skipped)
	if slices.EqualFunc(faults, faulty(before.skipped), SkippedKey.equal) {
		return
	}
	for _, s := range faults {
		r.log.LogAttrs(ctx, slog.LevelWarn, "key is not used",
			slog.String("kid", s.ID), slog.Int("position", s.Position), slog.String("cause", s.Fault.Error()))
	}
}

// note stores how a fetch went, and returns the state before it.
func (r *remoteKeys) note(found published, err error) (before fetchState, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, now = r.state, r.now()
	r.state.counts[outcome(err)]++
	if (err == nil) != (before.err == nil) || errors.Is(before.err, errNotFetched) {
		r.state.since = now
	}
	if r.state.err = err; err == nil {
		r.state.skipped = found.skipped
	}
	return before, now
}

// outage is the error of bearers while there are no keys to verify them with. A
// log also gets the cause.
func (r *remoteKeys) outage() error {
	if _, err := r.stateNow(); err != nil {
		return ticket.WithAttrs(keysUnavailable, slog.String("cause", err.Error()))
	}
	return keysUnavailable
}

// describe returns host and cause of a fault, and until when the last good keys serve.
func (r *remoteKeys) describe(err error) []slog.Attr {
	var attrs []slog.Attr
	if fault, ok := errors.AsType[*fetchFault](err); ok {
		attrs = append(attrs, slog.String("host", fault.host), slog.String("cause", fault.cause))
	}
	if last := r.current.Load(); last != nil {
		attrs = append(attrs, slog.Time("keys_good_until", last.at.Add(r.maxAge)))
	}
	return attrs
}

// faulty returns those that are somebody's fault.
func faulty(skipped []SkippedKey) []SkippedKey {
	return slices.DeleteFunc(slices.Clone(skipped), func(s SkippedKey) bool { return s.Harmless })
}

// equal reports whether both say the same of the same key, wherever it stands.
func (s SkippedKey) equal(other SkippedKey) bool {
	return s.ID == other.ID && s.Fault.Error() == other.Fault.Error()
}
