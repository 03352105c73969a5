package main

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// The shape of a histogram: 2^histogramBits buckets for each power of two, so
// that a bucket is 1/128 of its value wide and its middle is at most 0.4 %
// off. What takes longer than histogramMax (over four minutes, beyond every
// time-out here) is counted as histogramMax.
const (
	histogramBits    = 7
	histogramTop     = 38
	histogramMax     = 1<<histogramTop - 1 // nanoseconds
	histogramBuckets = (histogramTop - histogramBits + 1) << histogramBits
)

// histogram counts durations in 32 KiB, however many there are: a run that
// kept each would grow, and be measured growing. Buckets are linear within a
// power of two and logarithmic beyond, as in HdrHistogram. The zero value is
// empty and ready, and safe for concurrent use; what is read while others
// record may lack the latest.
type histogram struct {
	buckets [histogramBuckets]atomic.Int64
	count   atomic.Int64
	longest atomic.Int64
}

// record counts a duration. One that is negative, which only a clock that was
// set back makes, counts as 0.
func (h *histogram) record(d time.Duration) {
	value := min(max(int64(d), 0), histogramMax)
	h.buckets[bucketOf(value)].Add(1)
	h.count.Add(1)
	for longest := h.longest.Load(); value > longest; longest = h.longest.Load() {
		if h.longest.CompareAndSwap(longest, value) {
			return
		}
	}
}

// quantile returns the duration that the part q (0 to 1) of all is not longer
// than, and 0 where there is none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(h.count.Load())))
	seen := int64(0)
	for n := range h.buckets {
		seen += h.buckets[n].Load()
		if seen >= max(rank, 1) {
			// The middle of the last bucket may lie above all that is in it.
			return min(middleOf(n), h.max())
		}
	}
	return h.max()
}

// max is the longest, to the nanosecond.
func (h *histogram) max() time.Duration { return time.Duration(h.longest.Load()) }

// bucketOf numbers the bucket of a value: its highest 8 bits, and how far
// they stand to the left. Values below 256 have a bucket each.
func bucketOf(value int64) int {
	shift := max(bits.Len64(uint64(value))-histogramBits-1, 0) //nolint:gosec // never negative
	return shift<<histogramBits + int(value>>shift)
}

// middleOf is the value that stands for a bucket.
func middleOf(bucket int) time.Duration {
	shift := max(bucket>>histogramBits-1, 0)
	lowest := int64(bucket-shift<<histogramBits) << shift
	return time.Duration(lowest + int64(1)<<shift/2)
}
