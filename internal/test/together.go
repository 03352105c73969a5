package test

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Together calls do with each number below times, from several goroutines at
// once. When all calls have returned, it fails the test if one of them failed.
func Together(tb testing.TB, callers, times int, do func(n int) error) {
	tb.Helper()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range callers {
		workers.Go(func() {
			for n := int(next.Add(1)) - 1; n < times; n = int(next.Add(1)) - 1 {
				if err := do(n); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		tb.Fatal(*err)
	}
}

// Measure is [Together] as a part of a benchmark: it measures only the calls,
// and reports how many there are in a second.
func Measure(b *testing.B, callers, times int, do func(n int) error) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	b.StartTimer() // a second part of a benchmark finds it stopped
	Together(b, callers, times, do)
	b.StopTimer()
	b.ReportMetric(float64(times)/b.Elapsed().Seconds(), "op/s")
}
