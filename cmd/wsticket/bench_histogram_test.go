package main

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHistogramBuckets(t *testing.T) {
	for _, row := range []struct {
		rule   string
		value  int64
		bucket int
		middle time.Duration
	}{
		{"nothing is the first bucket", 0, 0, 0},
		{"small values have a bucket each", 127, 127, 127},
		{"also the first power of two that is cut into 128 parts", 255, 255, 255},
		{"from then on parts are two wide", 256, 256, 257},
		{"and both values are in one", 257, 256, 257},
		{"the last of that power", 511, 383, 511},
		{"then four wide", 512, 384, 514},
		{"a microsecond", 1000, 384 + (1000-512)/4, 1002},
		{"the longest has the last bucket", histogramMax, histogramBuckets - 1, histogramMax - 1<<30 + 1 + 1<<29},
	} {
		t.Run(row.rule, func(t *testing.T) {
			if got := bucketOf(row.value); got != row.bucket {
				t.Errorf("bucketOf(%d) = %d, want %d", row.value, got, row.bucket)
			}
			if got := middleOf(row.bucket); got != row.middle {
				t.Errorf("middleOf(%d) = %d, want %d", row.bucket, got, row.middle)
			}
		})
	}
}

func TestHistogramBucketsAreGapless(t *testing.T) {
	next := int64(0)
	for n := range histogramBuckets {
		if got := bucketOf(next); got != n {
			t.Fatalf("bucketOf(%d) = %d, want %d", next, got, n)
		}
		next += int64(1) << max(n>>histogramBits-1, 0)
	}
	if next-1 != histogramMax {
		t.Errorf("the buckets end at %d, want %d", next-1, histogramMax)
	}
}

func TestHistogramQuantiles(t *testing.T) {
	var empty histogram
	if empty.quantile(0.5) != 0 || empty.max() != 0 {
		t.Errorf("an empty histogram has p50 %s and max %s", empty.quantile(0.5), empty.max())
	}
	var h histogram
	for n := range 1000 {
		h.record(time.Duration(n+1) * time.Millisecond)
	}
	h.record(-time.Second)
	h.record(time.Hour)
	for _, row := range []struct {
		q    float64
		want time.Duration
	}{
		{0, 0}, {0.5, 500 * time.Millisecond}, {0.99, 991 * time.Millisecond}, {0.999, time.Second}, {1, histogramMax},
	} {
		if got := h.quantile(row.q); relative(got, row.want) > 0.01 {
			t.Errorf("quantile(%g) = %s, want %s within 1 %%", row.q, got, row.want)
		}
	}
	if h.max() != histogramMax {
		t.Errorf("max = %s, want %s", h.max(), time.Duration(histogramMax))
	}
}

// TestHistogramError compares with what sorting every sample gives.
func TestHistogramError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Evenly over the powers of two, as latencies are, not over the numbers.
		sample := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, histogramMax).Draw(t, "bits") >> rapid.IntRange(0, histogramTop).Draw(t, "shift"))
		})
		samples := rapid.SliceOfN(sample, 1, 400).Draw(t, "samples")
		var h histogram
		for _, d := range samples {
			h.record(d)
		}
		slices.Sort(samples)
		for _, q := range []float64{0, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
			rank := max(int(math.Ceil(q*float64(len(samples)))), 1)
			if got, want := h.quantile(q), samples[rank-1]; relative(got, want) > 0.01 {
				t.Fatalf("quantile(%g) of %d = %d, want %d within 1 %%", q, len(samples), got, want)
			}
		}
		if got, want := h.max(), samples[len(samples)-1]; got != want {
			t.Fatalf("max = %d, want %d", got, want)
		}
	})
}

func relative(got, want time.Duration) float64 {
	return math.Abs(float64(got-want)) / max(float64(want), 1)
}

func TestHistogramOfManyGoroutines(t *testing.T) {
	var h histogram
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 1000 {
				h.record(time.Duration(n*1000 + i))
			}
		})
	}
	all.Wait()
	if h.count.Load() != 8000 || h.max() != 7999 {
		t.Errorf("count %d, max %d, want 8000 and 7999", h.count.Load(), h.max())
	}
}
