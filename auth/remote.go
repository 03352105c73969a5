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
	// absentFor is how long a kid that a fetch did not bring causes no other.
	// It is short because a stranger may name the kid of tomorrow's key.
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
// kid waits for its turn to fetch (so that strangers can stall everybody), an
// empty set wipes a good one, and a body has no bound.
type remoteKeys struct {
	fetch    func(context.Context) (*keySet, error)
	now      func() time.Time
	log      *slog.Logger
	count    func(outcome string)
	every    time.Duration
	maxStale time.Duration

	current atomic.Pointer[generation]
	wake    chan struct{} // holds one wish for a fetch

	mu     sync.Mutex
	flight chan struct{} // closed when the fetch under way, or wished for, ends
	tried  time.Time     // when the last fetch began
	failed bool          // whether the last fetch did
	closed bool
	absent map[string]time.Time // kids that the last fetches did not bring
}

// generation is a key set and when it was last seen at its URL.
type generation struct {
	keys *keySet
	at   time.Time
}

// start returns a flight that ends with the first fetch. The caller runs
// [remoteKeys.run].
func (r *remoteKeys) start() (first <-chan struct{}) {
	r.wake = make(chan struct{}, 1)
	r.flight = make(chan struct{})
	r.absent = make(map[string]time.Time)
	return r.flight
}

// run fetches at once, and then again and again until the context ends.
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

// pause is the time until the next fetch: the configured one after a success,
// after failures a short one that doubles. By chance it is shorter by up to a
// fifth, so that many processes do not ask at the same moment.
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

// refresh fetches once. A set that was fetched replaces all of the one before,
// so that a key that was taken back dies; a failure changes nothing.
func (r *remoteKeys) refresh(ctx context.Context) bool {
	began := r.begin()
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	keys, err := r.fetch(ctx)
	if err == nil {
		r.keep(keys, began)
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // closing is no fault of the issuer
		r.report(ctx, err)
	}
	r.end(err != nil)
	return err == nil
}

// report counts the outcome and logs a failure, by its word alone.
func (r *remoteKeys) report(ctx context.Context, err error) {
	r.count(outcome(err))
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelWarn, "keys not refreshed", slog.String("outcome", outcome(err)))
	}
}

// keep stores the set, with the pointer of the last one if the keys are the
// same, so that verified bearers stay in the cache.
func (r *remoteKeys) keep(keys *keySet, at time.Time) {
	if last := r.current.Load(); last != nil && last.keys.equal(keys) {
		keys = last.keys
	}
	r.current.Store(&generation{keys: keys, at: at})
}

// begin makes sure that there is a flight, which requests may join, and notes
// the time.
func (r *remoteKeys) begin() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight == nil {
		r.flight = make(chan struct{})
	}
	select {
	case <-r.wake: // this fetch is the one that was wished for
	default:
	}
	r.tried = r.now()
	return r.tried
}

// end lets everybody go who waits for the flight.
func (r *remoteKeys) end(failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = failed
	close(r.flight)
	r.flight = nil
}

// close lets go whoever asked when nobody was left to fetch.
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

// find looks the key up, and for an unknown kid once more after a fetch, if
// it is time for one. It waits for at most [waitForKeys], and never for its
// turn to fetch.
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

// await waits for a fetch under way or asks for one, if it is time. Where the
// last fetch failed the error is [keysUnavailable]: the kid may be new, and
// whether it is cannot be known.
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

// ask returns the flight under way, or wishes for one, or returns nil where it
// is too early for another.
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
	r.wake <- struct{}{} // has room: begin took the last one out
	return r.flight
}

// isAbsent tells whether a fetch not long ago did not bring the kid.
func (r *remoteKeys) isAbsent(kid string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	noted, ok := r.absent[kid]
	return ok && now.Sub(noted) < absentFor
}

// noteAbsent forgets all others where there are too many: strangers made them
// up, and the pause between fetches holds anyway.
func (r *remoteKeys) noteAbsent(kid string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.absent) >= maxAbsent {
		clear(r.absent)
	}
	r.absent[kid] = now
}
