package wsframe_test

import (
	"fmt"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/wsframe"
)

// BenchmarkTracker measures the check of the frames in one read of 72 KiB, by
// their size.
func BenchmarkTracker(b *testing.B) {
	for _, size := range []int{0, 125, 4 << 10, 64 << 10} {
		frame := test.Masked(wsframe.Binary, strings.Repeat("x", size))
		read := []byte(strings.Repeat(frame, max(1, 72<<10/len(frame))))
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			t := wsframe.Tracker{Limit: 64 << 10, Rules: wsframe.Rules{Masked: true}}
			b.ReportAllocs()
			for b.Loop() {
				if n, err := t.Feed(read); n != len(read) || err != nil {
					b.Fatal(n, err)
				}
			}
			frames := len(read) / len(frame)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frames), "ns/frame")
		})
	}
}
