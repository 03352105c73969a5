package main

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"wsticket/cmd/wsticket-bench/internal/load"
)

// report is what is printed. Scripts depend on its JSON names.
type report struct {
	Version     string        `json:"version"`
	URL         string        `json:"url"`
	Server      string        `json:"server"` // what was measured, in words
	Callers     int           `json:"callers"`
	Interrupted bool          `json:"interrupted"`
	Storms      []stormReport `json:"storms"`
}

// stormReport is one storm. Unknown values are null: processor time that could
// not be read, latencies if nothing succeeded.
type stormReport struct {
	Storm     string           `json:"storm"`
	Seconds   float64          `json:"seconds"`
	Succeeded int64            `json:"succeeded"`
	Failed    int64            `json:"failed"`
	PerSecond float64          `json:"per_second"`
	Latency   *latencyReport   `json:"latency_ms"`
	Errors    map[string]int64 `json:"errors"`
	Process   processReport    `json:"server"`
	ClientCPU *float64         `json:"client_cpu_seconds"`
}

// latencyReport is in milliseconds, of the requests that succeeded.
type latencyReport struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

// processReport is what the server's process used.
type processReport struct {
	CPU         *float64 `json:"cpu_seconds"`
	MemoryBegin *float64 `json:"resident_bytes_begin"`
	MemoryEnd   *float64 `json:"resident_bytes_end"`
}

func newStormReport(name string, r *load.Result) stormReport {
	s := stormReport{
		Storm: name, Seconds: round(r.Elapsed.Seconds(), 1e3), Succeeded: r.Succeeded(), Failed: r.Failed,
		Latency: newLatencyReport(r.Latencies), Errors: r.Errors,
		Process: processReport{
			CPU: known(r.Server, r.Server.CPU), MemoryBegin: known(r.Server, r.Server.Begin), MemoryEnd: known(r.Server, r.Server.End),
		},
		ClientCPU: known(r.Client, r.Client.CPU),
	}
	if r.Elapsed > 0 {
		s.PerSecond = round(float64(s.Succeeded)/r.Elapsed.Seconds(), 10)
	}
	return s
}

func newLatencyReport(h *hdrhistogram.Histogram) *latencyReport {
	if h.TotalCount() == 0 {
		return nil
	}
	at := h.ValueAtPercentiles([]float64{50, 99, 99.9})
	return &latencyReport{
		P50: milliseconds(at[50]), P99: milliseconds(at[99]), P999: milliseconds(at[99.9]), Max: milliseconds(h.Max()),
	}
}

// known returns a value of u, nil if it is unknown or was never read.
func known(u load.Usage, value float64) *float64 {
	if u.Parts == 0 || math.IsNaN(value) {
		return nil
	}
	value = round(value, 1e3)
	return &value
}

func milliseconds(ns int64) float64 { return round(float64(ns)/float64(time.Millisecond), 1e4) }

// round keeps as many decimals as scale has zeros: more would be noise.
func round(x, scale float64) float64 { return math.Round(x*scale) / scale }

// writeJSON prints one document.
func (r report) writeJSON(out io.Writer) error {
	to := json.NewEncoder(out)
	to.SetIndent("", "  ")
	return to.Encode(r)
}
