package traceparent_test

import (
	"testing"

	"wsticket/internal/traceparent"
)

// BenchmarkTrace is what a request pays for its trace: without a collector, and with one.
func BenchmarkTrace(b *testing.B) {
	h := headers(good)
	b.Run("pass", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			traceparent.Pass(h)
		}
	})
	b.Run("begin", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			traceparent.Begin(h, always)
		}
	})
}
