package timeline

import (
	"runtime"
	"testing"
	"time"

	"wsticket/ticket"
)

// BenchmarkRecord is what every event of a redemption pays, with all places taken.
func BenchmarkRecord(b *testing.B) {
	l, events := filled()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			l.Record(&events[n%len(events)])
		}
	})
}

// BenchmarkMemory reports what a full log takes.
func BenchmarkMemory(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		l, _ := filled()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		runtime.KeepAlive(l)
	}
}

// filled returns a full log, and events of tickets of which there are twice as many as
// fit, five of each.
func filled() (*Log, []ticket.Event) {
	l := New(noon)
	events := make([]ticket.Event, 0, 2*maxKnown)
	for n := range 2 * maxKnown / 5 {
		for _, kind := range []ticket.EventKind{ticket.EventIssue, ticket.EventRequest, ticket.EventRedeem, ticket.EventConnect, ticket.EventDisconnect} {
			e := event(n, kind, n)
			e.Duration, e.Request.ID = time.Millisecond, string(id(n))
			events = append(events, *e)
		}
	}
	for n := range events {
		l.Record(&events[n])
	}
	return l, events
}
