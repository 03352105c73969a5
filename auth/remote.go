package auth

import (
	"context"
	"crypto/rand"
	"log/slog"
	"math/big"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// demandPause is the least time between two fetches of one issuer's keys
	// that bearers can cause. With the time that a fetch may take it is less
	// than half a minute, in which a new key has to be found.
	demandPause = 20 * time.Second
	// waitForKeys bounds how long a request waits for a fetch, and maxWaiting how
	// many wait at a time.
	waitForKeys = 2 * time.Second
	maxWaiting  = 1024
	// fetchesPerAge is how often keys are fetched within the time that they may
	// serve, so that a few fetches may fail.
	fetchesPerAge = 6
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
	fetcher fetcher
	now     func() time.Time
	log     *slog.Logger
	maxAge  time.Duration

	current atomic.Pointer[generation]
	first   <-chan struct{} // closed when the first fetch ends
	wake    chan struct{}   // holds one request for a fetch now
	early   chan struct{}   // holds one request for a fetch after demandPause
	waiting chan struct{}   // holds one for each request that waits for a fetch

	mu      sync.Mutex
	holders int                // Verifiers that have not given them up
	stop    context.CancelFunc // ends run; nil before start
	done    chan struct{}      // closed when run has ended
	flight  chan struct{}      // closed when the fetch under way, or requested, ends
	tried   time.Time          // when the last fetch began
	closed  bool
	state   fetchState
}

// generation is a key set and when it was last fetched.
type generation struct {
	keys *keySet
	at   time.Time
}

// start begins to fetch, once.
func (r *remoteKeys) start(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		return
	}
	ctx, r.stop = context.WithCancel(ctx)
	r.done = make(chan struct{})
	go func() { // ends with the last release
		defer close(r.done)
		r.run(ctx)
	}()
}

// share counts one more Verifier, unless all have given the keys up.
func (r *remoteKeys) share() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holders == 0 {
		return false
	}
	r.holders++
	return true
}

// release counts one Verifier less. After the last one it ends the fetching, and
// returns what is closed then; nil if nothing has to be waited for.
func (r *remoteKeys) release() (done <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holders--
	if r.holders > 0 || r.stop == nil {
		return nil
	}
	r.stop()
	return r.done
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
		r.sleep(ctx, r.pause(failures))
	}
}

// sleep returns when the pause is over, when a fetch is requested, or when ctx
// ends. A request that came too early shortens the pause to demandPause.
func (r *remoteKeys) sleep(ctx context.Context, pause time.Duration) {
	end := time.Now().Add(pause)
	timer, early := time.NewTimer(pause), r.early
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-r.wake:
			return
		case <-ctx.Done():
			return
		case <-early:
			early = nil // one is enough
			timer.Reset(min(r.untilDemand(), time.Until(end)))
		}
	}
}

// untilDemand returns the time until bearers may cause a fetch again.
func (r *remoteKeys) untilDemand() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return demandPause - r.now().Sub(r.tried)
}

// pause returns the time until the next fetch: a part of maxAge after a
// success, a short one that doubles after failures. At random it is shorter by
// up to a fifth, so that many processes do not ask at the same moment.
func (r *remoteKeys) pause(failures int) time.Duration {
	pause := r.maxAge / fetchesPerAge
	if failures > 0 {
		const doublings = 10 // enough to pass lastRetry
		pause = min(firstRetry<<min(failures-1, doublings), lastRetry, pause)
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
	found, err := r.fetcher.fetch(ctx)
	if err == nil {
		r.keep(found.set, began)
	}
	if ctx.Err() == nil { // closing is not a failure of the issuer
		r.report(ctx, found, err)
	}
	r.end()
	return err == nil
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
	for _, request := range []chan struct{}{r.wake, r.early} {
		select {
		case <-request: // this fetch is the one that was requested
		default:
		}
	}
	r.tried = r.now()
	return r.tried
}

// end releases everybody who waits for the flight.
func (r *remoteKeys) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
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

// set returns the last good set, or nil once it is older than maxAge.
func (r *remoteKeys) set(now time.Time) *keySet {
	last := r.current.Load()
	if last == nil || now.Sub(last.at) > r.maxAge {
		return nil
	}
	return last.keys
}

// renew waits for a fetch that is under way or may begin now, at most
// [waitForKeys], and returns the keys after it. If it is too early for a fetch
// it asks for one as soon as there may be one, and does not wait. The error is
// [keysUnavailable] if the last fetch failed, if it takes too long, and if
// [maxWaiting] requests wait for it already.
//
// No list is kept of kids that were missing: whoever named a kid before its key
// was published would keep its owners out. The pause alone bounds the fetches,
// and each of them serves everybody.
func (r *remoteKeys) renew(ctx context.Context, now time.Time) (*keySet, error) {
	if flight := r.ask(now); flight != nil && !r.await(ctx, flight) {
		return nil, r.outage()
	}
	set := r.set(r.now())
	if set == nil || r.isDown() {
		return nil, r.outage()
	}
	return set, nil
}

// await waits for the end of the flight, and reports whether it has come.
func (r *remoteKeys) await(ctx context.Context, flight <-chan struct{}) bool {
	select {
	case r.waiting <- struct{}{}:
		defer func() { <-r.waiting }()
	default:
		return false
	}
	timer := time.NewTimer(waitForKeys)
	defer timer.Stop()
	select {
	case <-flight:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// ask returns the flight under way, or requests one. It returns nil if it is
// too early for another one.
func (r *remoteKeys) ask(now time.Time) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed || r.flight != nil:
		return r.flight
	case now.Sub(r.tried) < demandPause:
		select {
		case r.early <- struct{}{}:
		default: // there is a request already
		}
		return nil
	}
	r.flight = make(chan struct{})
	r.wake <- struct{}{} // has room: begin took out the last one
	return r.flight
}
