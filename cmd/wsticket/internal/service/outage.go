package service

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// Times of the watch over the store.
const (
	// watchInterval is how often a store is asked that seems to be well, so that
	// an outage is noticed without requests.
	watchInterval = 5 * time.Second
	// outageInterval is how often it is asked during an outage.
	outageInterval = time.Second
	// lookPause is the shortest time between two questions, so that failures under
	// load do not become as many questions.
	lookPause = 100 * time.Millisecond
	// quietTime is how long the last failure has to be ago for an outage to be
	// over, so that a store that comes and goes does not fill the log.
	quietTime = 2 * time.Second
)

// storeState is how the store is. Its zero value is one that was never asked.
type storeState struct {
	since time.Time
	cause string // empty while the store is well
}

// storeWatch notices when an outage of the store begins and ends, and logs both.
// It is the only place that does.
type storeWatch struct {
	probe func(context.Context) error
	log   *slog.Logger // with the host
	now   func() time.Time

	failures chan error // of operations; those that do not fit are dropped

	mu    sync.Mutex
	state storeState

	last time.Time // of the last failure; only run uses it
}

// newStoreWatch returns a watch that asks by probe, which has a deadline of its
// own.
func newStoreWatch(probe func(context.Context) error, log *slog.Logger) *storeWatch {
	return &storeWatch{probe: probe, log: log, now: time.Now, failures: make(chan error, 1)}
}

// note takes the result of an operation, and does not wait. A nil watch ignores
// it.
func (w *storeWatch) note(err error) {
	if w == nil || err == nil {
		return
	}
	outage, ok := errors.AsType[*redisstore.OutageError](err)
	if !ok || outage.Kind() == redisstore.OutageCanceled {
		return
	}
	select {
	case w.failures <- outage:
	default: // the watch is about to look already
	}
}

// current returns how the store is.
func (w *storeWatch) current() storeState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// run watches until ctx ends.
func (w *storeWatch) run(ctx context.Context) {
	var failure error
	for {
		w.look(ctx, failure)
		interval := watchInterval
		if w.current().cause != "" {
			interval = outageInterval
		}
		if _, goes := w.next(ctx, lookPause, nil); !goes {
			return
		}
		var goes bool
		if failure, goes = w.next(ctx, interval-lookPause, w.failures); !goes {
			return
		}
	}
}

// next waits for a time or for a failure. It returns false if ctx ends.
func (w *storeWatch) next(ctx context.Context, d time.Duration, failures <-chan error) (failure error, goes bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, false
	case failure = <-failures:
	case <-timer.C:
	}
	return failure, true
}

// look asks the store. failure is that of an operation, nil if there was none. It
// counts by itself where a store may answer and still refuse to work; a time-out
// or a lost connection that the next question does not confirm is no outage.
func (w *storeWatch) look(ctx context.Context, failure error) {
	err := w.probe(ctx)
	if ctx.Err() != nil {
		return // the service stops
	}
	if err == nil && !isPassing(failure) {
		err = failure
	}
	now := w.now()
	switch before := w.current(); {
	case err != nil:
		w.last = now
		if before.cause == "" {
			before.since = now
			w.log.Warn("the store does not answer", "cause", storeCause(err))
		}
		w.set(storeState{before.since, storeCause(err)}) // the cause may change meanwhile
	case before.cause != "" && now.Sub(w.last) >= quietTime:
		w.set(storeState{since: now})
		w.log.Warn("the store answers again", "after", now.Sub(before.since))
	case before.since.IsZero():
		w.set(storeState{since: now})
	}
}

// isPassing reports whether a failure may be that of one connection.
func isPassing(err error) bool {
	outage, ok := errors.AsType[*redisstore.OutageError](err)
	return ok && (outage.Kind() == redisstore.OutageTimeout || outage.Kind() == redisstore.OutageConnection || outage.Kind() == redisstore.OutagePool)
}

func (w *storeWatch) set(state storeState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = state
}

// watchOutages watches the store until ctx ends. A store in this process cannot
// be away.
func (s *Service) watchOutages(ctx context.Context) {
	if s.outages != nil {
		s.outages.run(ctx)
	}
}

// storeErr returns the error of an event that is about the store.
func storeErr(e *ticket.Event) error {
	if e.Kind == ticket.EventRequest {
		return nil // it repeats that of another event
	}
	return e.Err
}
