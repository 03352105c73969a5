package load

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// longest is the longest latency that is told apart; longer ones count as
	// this. It is beyond every time-out.
	longest = 5 * time.Minute
	// digits is the precision of latencies: three significant digits, 0.1 %.
	digits = 3
	// maxKinds bounds how many kinds of error are told apart: codes come from
	// the server, which may be anybody's.
	maxKinds = 50
)

// Result is what came of a storm.
type Result struct {
	// Elapsed is the time of the measured parts together.
	Elapsed time.Duration
	// Latencies are those of the requests that succeeded, in nanoseconds.
	Latencies *hdrhistogram.Histogram
	Failed    int64
	// Errors counts failures by kind, also those of requests that only prepare
	// for the storm.
	Errors map[string]int64
	// Server and Client are what the two processes used in the measured parts.
	Server, Client Usage
}

// Succeeded is the number of requests that succeeded.
func (r *Result) Succeeded() int64 { return r.Latencies.TotalCount() }

// tally counts the requests of a storm. add, note and counts are safe for
// concurrent use.
type tally struct {
	mu sync.Mutex
	Result
}

func newTally() *tally {
	return &tally{Result: Result{
		Latencies: hdrhistogram.New(1, int64(longest), digits), Errors: make(map[string]int64),
	}}
}

// measure runs a part of a storm that counts, and adds its time and what the
// processes used to those of other parts.
func (t *tally) measure(ctx context.Context, server Meter, part func()) {
	client, before, begin := readSelf(), server(ctx), time.Now()
	part()
	t.Elapsed += time.Since(begin)
	// Also after the end of ctx: what there is by then is reported.
	t.Server.add(before, server(context.WithoutCancel(ctx)))
	t.Client.add(client, readSelf())
}

// add counts a request that succeeded after took or failed, and returns err. A
// request that the end of ctx has cut off is neither.
func (t *tally) add(ctx context.Context, took time.Duration, err error) error {
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		// It fails only for values outside of the histogram. A negative time
		// comes from a clock that was set back.
		return t.Latencies.RecordValue(int64(min(max(took, 0), longest)))
	}
	if ctx.Err() == nil {
		t.note(kindOf(err))
		t.mu.Lock()
		defer t.mu.Unlock()
		t.Failed++
	}
	return err
}

// note counts an error without a failed request.
func (t *tally) note(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.Errors[kind]; !known && len(t.Errors) >= maxKinds {
		kind = "other"
	}
	t.Errors[kind]++
}

func (t *tally) counts() (succeeded, failed int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.Succeeded(), t.Failed
}

// result returns what was counted. Nothing may be added afterwards.
func (t *tally) result() *Result { return &t.Result }
