package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"wsticket/live"
	"wsticket/ticket"
)

type noEnder struct{}

func (noEnder) End(ticket.Ending) {}
func (noEnder) Cut()              {}

// decoded returns a grant as a store does: each text has its own memory.
func decoded(b *testing.B, i int, end time.Time) ticket.Grant {
	b.Helper()
	encoded, _ := json.Marshal(ticket.Grant{
		ID: ticket.ID(fmt.Sprintf("%022d", i)), Audience: "chat", Scope: "chat.read chat.write", Origin: "https://app.example.com",
		ConnectionExpiresAt: end, Identity: ticket.Identity{
			Issuer: "https://login.example.com/realms/example", Subject: fmt.Sprintf("user-%032d", i/3), SessionID: fmt.Sprintf("%036d", i/2),
			TokenID: fmt.Sprintf("%036d", i), Scope: "chat.read chat.write", IssuedAt: end.Add(-time.Hour), ExpiresAt: end,
		},
	})
	var g ticket.Grant
	if err := json.Unmarshal(encoded, &g); err != nil {
		b.Fatal(err)
	}
	return g
}

// filled returns a registry with n connections, whose ends are spread over an hour
// that begins after wait.
func filled(b *testing.B, n int, wait time.Duration) (*live.Registry, []*live.Connection) {
	b.Helper()
	r, err := live.New(live.Options{})
	if err != nil {
		b.Fatal(err)
	}
	all := make([]*live.Connection, n)
	for i := range all {
		end := time.Now().Add(wait + time.Duration(i)*time.Hour/time.Duration(n))
		all[i] = &live.Connection{Grant: decoded(b, i, end), Presentation: ticket.Presentation{Door: ticket.DoorQuery}}
		if err := r.Add(context.Background(), all[i]); err != nil {
			b.Fatal(err)
		}
		all[i].Attach(noEnder{})
	}
	return r, all
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRegisteredConnection prints the memory of each registered connection:
// itself with the texts of its grant, its places in four indexes, and its deadline.
func BenchmarkRegisteredConnection(b *testing.B) {
	const n = 50_000
	for b.Loop() {
		before := heap()
		r, all := filled(b, n, time.Hour)
		b.ReportMetric(float64(heap()-before)/n, "B/conn")
		runtime.KeepAlive(r)
		for _, c := range all {
			c.Abandon()
		}
	}
}

// BenchmarkAddAndRemove is what the registry adds to a handshake and its end, among
// 50 000 other connections.
func BenchmarkAddAndRemove(b *testing.B) {
	r, all := filled(b, 50_000, time.Hour)
	grant := decoded(b, 60_000, time.Now().Add(time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		c := &live.Connection{Grant: grant, Presentation: ticket.Presentation{Door: ticket.DoorQuery}}
		if err := r.Add(context.Background(), c); err != nil {
			b.Fatal(err)
		}
		c.Abandon()
	}
	for _, c := range all {
		c.Abandon()
	}
}

// BenchmarkWaitingDeadlines prints the CPU time that the process needs in a second
// while 50 000 connections wait for their deadlines.
func BenchmarkWaitingDeadlines(b *testing.B) {
	r, all := filled(b, 50_000, time.Hour)
	runtime.GC()
	for b.Loop() {
		start := cpu()
		<-time.After(2 * time.Second)
		b.ReportMetric(float64((cpu()-start).Microseconds())/2, "cpu-µs/s")
	}
	runtime.KeepAlive(r)
	for _, c := range all {
		c.Abandon()
	}
}

// BenchmarkReachedDeadlines prints the CPU time for each of 50 000 deadlines that are
// reached, all of them at once.
func BenchmarkReachedDeadlines(b *testing.B) {
	const n = 50_000
	for b.Loop() {
		r, all := filled(b, n, -2*time.Hour)
		start, cpuStart := time.Now(), cpu()
		for r.Stats().Connections[ticket.DoorQuery][live.StateClosing] < n {
			<-time.After(10 * time.Millisecond)
		}
		b.ReportMetric(float64((cpu()-cpuStart).Nanoseconds())/n, "cpu-ns/conn")
		b.ReportMetric(time.Since(start).Seconds(), "s")
		for _, c := range all {
			c.Abandon()
		}
	}
}

// cpu returns the CPU time of this process.
func cpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
