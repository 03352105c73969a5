package telemetry_test

import (
	"testing"

	"wsticket/cmd/wsticket/internal/telemetry"
)

// BenchmarkRecord is what a request pays for its span: recorded, and not.
func BenchmarkRecord(b *testing.B) {
	x := telemetry.New(telemetry.Options{Endpoint: "http://127.0.0.1:1"}) // the queue is full, which costs the same
	recorded, not := answered(), answered()
	not.Request.Sampled = false
	b.Run("recorded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.Record(b.Context(), recorded)
		}
	})
	b.Run("not", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.Record(b.Context(), not)
		}
	})
}
