package relay_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"wsticket/internal/test"
)

// The benchmarks compare the relay with nginx and httputil.ReverseProxy, before the
// same application, in turns, because the speed of a machine varies. The result is
// the ratio to nginx: the median of the ratios of all turns.

const (
	turns = 9
	turn  = 300 * time.Millisecond
)

func contenders(b *testing.B) []child {
	b.Helper()
	upstream := startChild(b, "echo").addr
	return []child{
		startNginx(b, upstream),
		startChild(b, "relay http://"+upstream),
		startChild(b, "reverseproxy http://"+upstream),
	}
}

// figures are the results of one contender by unit, one for each turn.
type figures map[string][]float64

// report reports the medians, and the ratios of the relay, which is the second
// contender, to nginx, which is the first.
func report(b *testing.B, all []child, measured []figures) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // means nothing here
	for unit := range measured[0] {
		for i, c := range all {
			b.ReportMetric(median(measured[i][unit]), c.name+"-"+unit)
		}
		var ratios []float64
		for i, value := range measured[1][unit] {
			ratios = append(ratios, value/measured[0][unit][i])
		}
		b.ReportMetric(median(ratios), "ratio-"+unit)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// BenchmarkIdle measures the resident memory and the descriptors per connection
// after one message each way: at once, and after unused memory was released.
func BenchmarkIdle(b *testing.B) {
	const count = 3000
	all := contenders(b)
	measured := make([]figures, len(all))
	for i, c := range all {
		before := test.UseOf(b, c.pids...)
		l := dialLoad(b, c.addr, count, 100)
		l.once(b)
		at := test.UseOf(b, c.pids...)
		c.settle()
		settled := test.UseOf(b, c.pids...)
		l.close()
		measured[i] = figures{
			"KiB/conn":         {float64(at.Resident-before.Resident) / count / 1024},
			"settled-KiB/conn": {float64(settled.Resident-before.Resident) / count / 1024},
			"fd/conn":          {float64(at.Descriptors-before.Descriptors) / count},
		}
	}
	report(b, all, measured)
}

// BenchmarkEcho measures, with 100 connections, round trips per second, the 99th
// percentile of their time, and the processor time of the proxy.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{64, 64 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			all := contenders(b)
			loads, measured := make([]*load, len(all)), make([]figures, len(all))
			for i, c := range all {
				loads[i], measured[i] = dialLoad(b, c.addr, 100, size), figures{}
				loads[i].once(b)
			}
			for range turns {
				for i, c := range all {
					before, start := test.UseOf(b, c.pids...), time.Now()
					count, p99 := loads[i].run(b, turn)
					measured[i].add("msg/s", float64(count)/time.Since(start).Seconds())
					measured[i].add("p99-ms", p99.Seconds()*1e3)
					measured[i].add("cpu-us/msg", (test.UseOf(b, c.pids...).CPU-before.CPU).Seconds()*1e6/float64(count))
				}
			}
			report(b, all, measured)
		})
	}
}

// BenchmarkHandshake measures handshakes per second, 16 at a time.
func BenchmarkHandshake(b *testing.B) {
	all := contenders(b)
	measured := make([]figures, len(all))
	for i := range all {
		measured[i] = figures{}
	}
	for range turns {
		for i, c := range all {
			before, start := test.UseOf(b, c.pids...), time.Now()
			count := handshakes(b, c.addr, turn)
			measured[i].add("handshakes/s", float64(count)/time.Since(start).Seconds())
			measured[i].add("cpu-us/handshake", (test.UseOf(b, c.pids...).CPU-before.CPU).Seconds()*1e6/float64(count))
		}
	}
	report(b, all, measured)
}

func (f figures) add(unit string, value float64) { f[unit] = append(f[unit], value) }
