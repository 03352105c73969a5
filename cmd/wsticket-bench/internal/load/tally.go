package load

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// longest is the upper end of the histogram; longer latencies count as
	// this. It is beyond every time-out.
	longest = 5 * time.Minute
	// digits is the precision of latencies: three significant digits, 0.1 %.
	digits = 3
	// maxKinds bounds the kinds of error that are counted separately: codes
	// come from the server, which may be anybody's.
	maxKinds = 50
)

// Result is what was measured in a storm.
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

// measure runs a part of a storm that counts, and adds its time and the usage
// of the processes to the totals.
func (t *tally) measure(ctx context.Context, server Meter, part func()) {
	client, before, begin := readSelf(), server(ctx), time.Now()
	part()
	t.Elapsed += time.Since(begin)
	// Also after the end of ctx: what was measured until then is reported.
	t.Server.add(before, server(context.WithoutCancel(ctx)))
	t.Client.add(client, readSelf())
}

// add counts a request that succeeded after the time took or failed with err,
// and returns err. A request that was cut off by the end of ctx is not counted.
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
