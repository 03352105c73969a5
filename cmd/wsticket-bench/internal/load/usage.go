package load

import (
	"bufio"
	"context"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"wsticket/internal/httpclient"
)

// The series that are read, and the beginning of those that a server with Redis
// has.
const (
	cpuSeries    = "process_cpu_seconds_total"
	memorySeries = "process_resident_memory_bytes"
	redisSeries  = "wsticket_redis_"
)

const (
	// meterTimeout bounds one reading, maxMetrics its size in bytes.
	meterTimeout = 3 * time.Second
	maxMetrics   = 4 << 20
)

// Reading is what a process has used up to now. NaN is what is unknown.
type Reading struct {
	CPU    float64 // seconds
	Memory float64 // bytes, resident
	Redis  bool    // its store is Redis
}

// Meter reads what a server uses.
type Meter func(context.Context) Reading

// Unmetered is the [Meter] of a server that cannot be asked.
func Unmetered(context.Context) Reading { return unknown() }

func unknown() Reading { return Reading{CPU: math.NaN(), Memory: math.NaN()} }

// Usage is what a process used in the measured parts of a storm. NaN is what is
// unknown.
type Usage struct {
	CPU        float64 // seconds in all parts together
	Begin, End float64 // bytes before the first part and after the last one
	Parts      int
}

// add adds a part. One unknown part makes the sum unknown: the sum of the others
// would be taken for the whole.
func (u *Usage) add(before, after Reading) {
	if u.Parts == 0 {
		u.Begin = before.Memory
	}
	u.Parts++
	u.CPU += after.CPU - before.CPU
	u.End = after.Memory
}

// NewMeter returns a meter that reads /metrics of a server's internal listener,
// whose base URL is given.
func NewMeter(base string) Meter {
	client := httpclient.New(httpclient.Options{})
	return func(ctx context.Context) Reading {
		ctx, cancel := context.WithTimeout(ctx, meterTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
		if err != nil {
			return unknown()
		}
		res, err := client.Do(req)
		if err != nil {
			return unknown()
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			return unknown()
		}
		return parseMetrics(io.LimitReader(res.Body, maxMetrics))
	}
}

// parseMetrics looks for the series in Prometheus' text format. The two of the
// process have no labels, so a line of theirs is a name and a number.
func parseMetrics(text io.Reader) Reading {
	found := unknown()
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), " ")
		found.Redis = found.Redis || strings.HasPrefix(name, redisSeries)
		number, _, _ := strings.Cut(rest, " ") // a time may follow
		value, err := strconv.ParseFloat(number, 64)
		switch {
		case err != nil:
		case name == cpuSeries:
			found.CPU = value
		case name == memorySeries:
			found.Memory = value
		}
	}
	return found
}

// readSelf reads what this process has used, with the collector that the server
// uses, which works on each system.
func readSelf() Reading {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	if err != nil {
		return unknown()
	}
	found := unknown()
	for _, family := range families {
		switch sample := family.GetMetric()[0]; family.GetName() {
		case cpuSeries:
			found.CPU = sample.GetCounter().GetValue()
		case memorySeries:
			found.Memory = sample.GetGauge().GetValue()
		}
	}
	return found
}
