package main

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
)

// The series of the process collector that are read.
const (
	cpuSeries    = "process_cpu_seconds_total"
	memorySeries = "process_resident_memory_bytes"
)

const (
	// meterTimeout bounds one reading, maxMetrics its size in bytes.
	meterTimeout = 3 * time.Second
	maxMetrics   = 4 << 20
)

// reading is what a process has used up to now: seconds of processor time and
// bytes of memory. NaN is what could not be had.
type reading struct{ cpu, memory float64 }

// unknown is a reading of nothing.
func unknown() reading { return reading{math.NaN(), math.NaN()} }

// meter reads what the server uses.
type meter func(context.Context) reading

func unmetered(context.Context) reading { return unknown() }

// usage is what a process used in one or several measured parts.
type usage struct {
	cpu        float64 // seconds in the parts together
	begin, end float64 // bytes before the first and after the last
	parts      int
}

// add adds a part. One part that is unknown makes the sum unknown: a sum of
// the others would be taken for the whole.
func (u *usage) add(before, after reading) {
	if u.parts == 0 {
		u.begin = before.memory
	}
	u.parts++
	u.cpu += after.cpu - before.cpu
	u.end = after.memory
}

// newMeter reads /metrics of a server's internal listener.
func newMeter(base string) meter {
	// A transport of its own obeys no proxy variables, and keeps no connection
	// that would have to be closed.
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: meterTimeout,
		// No address is asked that nobody has named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context) reading {
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

// parseMetrics finds the two series in Prometheus' text format. They have no
// labels, so a line of theirs is a name and a number.
func parseMetrics(text io.Reader) reading {
	found := unknown()
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), " ")
		number, _, _ := strings.Cut(rest, " ") // a time may follow
		value, err := strconv.ParseFloat(number, 64)
		switch {
		case err != nil:
		case name == cpuSeries:
			found.cpu = value
		case name == memorySeries:
			found.memory = value
		}
	}
	return found
}

// readSelf reads what this process has used, by the same collector as the
// server's, which knows how on each system.
func readSelf() reading {
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
			found.cpu = sample.GetCounter().GetValue()
		case memorySeries:
			found.memory = sample.GetGauge().GetValue()
		}
	}
	return found
}
