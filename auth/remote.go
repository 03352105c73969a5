package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"math/big"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// unknownKidPause is the least time between two fetches of one issuer's
	// keys that a token with an unknown kid can cause.
	unknownKidPause = 30 * time.Second
	// waitForKeys bounds how long a request waits for a fetch.
	waitForKeys = 2 * time.Second
	// absentFor is how long a kid that was missing after a fetch causes no
	// other fetch. It is short because a stranger may name the kid of a key
	// that is still to come.
	absentFor = 2 * time.Minute
	maxAbsent = 1024
	// The pause after a failed fetch doubles from the first to the last.
	firstRetry = 5 * time.Second
	lastRetry  = time.Minute
)

// remoteKeys are the keys behind a URL. One goroutine, [remoteKeys.run], does
// all fetching; requests read what it has, or ask it and wait a little.
//
// MicahParks/keyfunc does the same job, but with it a token with an unknown
// kid waits until it may fetch (so that strangers can stall everybody), an empty
// set replaces a good one, and a body has no bound.
type remoteKeys struct {
	fetch    func(context.Context) (*keySet, error)
	now      func() time.Time
	log      *slog.Logger
	count    func(outcome string)
	every    time.Duration
	maxStale time.Duration

	current atomic.Pointer[generation]
	first   <-chan struct{} // closed when the first fetch ends
	wake    chan struct{}   // holds one request for a fetch

	mu     sync.Mutex
	flight chan struct{} // closed when the fetch under way, or requested, ends
	tried  time.Time     // when the last fetch began
	failed bool          // whether the last fetch failed
	closed bool
	absent map[string]time.Time // kids that were missing, and when
}

// generation is a key set and when it was last fetched.
type generation struct {
	keys *keySet
	at   time.Time
}

// run fetches at once, and then at intervals and on request until ctx ends.
func (r *remoteKeys) run(ctx context.Context) {
	defer r.close()
	failures := 0
	for ctx.Err() == nil {
		if r.refresh(ctx) {
			failures = 0
		} else {
			failures++
		}
		timer := time.NewTimer(r.pause(failures))
		select {
		case <-timer.C:
		case <-r.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// pause returns the time until the next fetch: the configured one after a
// success, a short one that doubles after failures. At random it is shorter by
// up to a fifth, so that many processes do not ask at the same moment.
func (r *remoteKeys) pause(failures int) time.Duration {
	pause := r.every
	if failures > 0 {
		const doublings = 10 // enough to pass lastRetry
		pause = min(firstRetry<<min(failures-1, doublings), lastRetry, r.every)
	}
	jitter, err := rand.Int(rand.Reader, big.NewInt(int64(pause/5)+1))
	if err != nil {
		return pause // cannot happen: the reader ends the program instead
	}
	return pause - time.Duration(jitter.Int64())
}

// refresh fetches once. A set that was fetched replaces the whole one before, so
// that a key that was withdrawn is no longer accepted. A failure changes nothing.
func (r *remoteKeys) refresh(ctx context.Context) bool {
	began := r.begin()
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	keys, err := r.fetch(ctx)
	if err == nil {
		r.keep(keys, began)
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // closing is not a failure of the issuer
		r.report(ctx, err)
	}
	r.end(err != nil)
	return err == nil
}

// report counts the outcome and logs a failure as one word.
func (r *remoteKeys) report(ctx context.Context, err error) {
	r.count(outcome(err))
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelWarn, "keys not refreshed", slog.String("outcome", outcome(err)))
	}
}

// keep stores the set. If the keys are the same as before it keeps their pointer,
// so that verified bearers stay in the cache.
func (r *remoteKeys) keep(keys *keySet, at time.Time) {
	if last := r.current.Load(); last != nil && last.keys.equal(keys) {
		keys = last.keys
	}
	r.current.Store(&generation{keys: keys, at: at})
}

// begin makes sure that there is a flight that requests may wait for, and notes
// the time.
func (r *remoteKeys) begin() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight == nil {
		r.flight = make(chan struct{})
	}
	select {
	case <-r.wake: // this fetch is the one that was requested
	default:
	}
	r.tried = r.now()
	return r.tried
}

// end releases everybody who waits for the flight.
func (r *remoteKeys) end(failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = failed
	close(r.flight)
	r.flight = nil
}

// close releases everybody who asked for a fetch that does not happen any more.
func (r *remoteKeys) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.flight != nil {
		close(r.flight)
		r.flight = nil
	}
}

// set returns the last good set, or nil once it is older than maxStale.
func (r *remoteKeys) set(now time.Time) *keySet {
	last := r.current.Load()
	if last == nil || now.Sub(last.at) > r.maxStale {
		return nil
	}
	return last.keys
}

// find looks up the key, and for an unknown kid once more after a fetch, if
// one is under way or may begin now. It waits for at most [waitForKeys], and
// never until a fetch may begin.
func (r *remoteKeys) find(ctx context.Context, kid string, alg algorithm, now time.Time) (*key, *keySet, error) {
	set := r.set(now)
	if set == nil {
		return nil, nil, keysUnavailable
	}
	k, err := set.find(kid, alg)
	if kid == "" || !errors.Is(err, refusedKeyUnknown) {
		return k, set, err
	}
	if r.isAbsent(kid, now) {
		return nil, nil, refusedKeyUnknown
	}
	waited, err := r.await(ctx, now)
	if err != nil {
		return nil, nil, err
	}
	if !waited {
		return nil, nil, refusedKeyUnknown
	}
	now = r.now()
	if set = r.set(now); set == nil {
		return nil, nil, keysUnavailable
	}
	if k, err = set.find(kid, alg); errors.Is(err, refusedKeyUnknown) {
		r.noteAbsent(kid, now)
	}
	return k, set, err
}

// await waits for a fetch that is under way or may begin now. If the last
// fetch failed the error is [keysUnavailable], because the kid may be new.
func (r *remoteKeys) await(ctx context.Context, now time.Time) (waited bool, err error) {
	flight := r.ask(now)
	if flight != nil {
		timer := time.NewTimer(waitForKeys)
		defer timer.Stop()
		select {
		case <-flight:
		case <-timer.C:
			return true, keysUnavailable
		case <-ctx.Done():
			return true, keysUnavailable
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed {
		return true, keysUnavailable
	}
	return flight != nil, nil
}

// ask returns the flight under way, or requests one. It returns nil if it is
// too early for another one.
func (r *remoteKeys) ask(now time.Time) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.flight != nil {
		return r.flight
	}
	if now.Sub(r.tried) < unknownKidPause {
		return nil
	}
	r.flight = make(chan struct{})
	r.wake <- struct{}{} // has room: begin took out the last one
	return r.flight
}

// isAbsent reports whether the kid was missing after a recent fetch.
func (r *remoteKeys) isAbsent(kid string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	noted, ok := r.absent[kid]
	return ok && now.Sub(noted) < absentFor
}

// noteAbsent notes a kid that was missing after a fetch. If there are too many
// it forgets all others, because strangers made them up, and the pause between
// fetches applies anyway.
func (r *remoteKeys) noteAbsent(kid string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.absent) >= maxAbsent {
		clear(r.absent)
	}
	r.absent[kid] = now
}
