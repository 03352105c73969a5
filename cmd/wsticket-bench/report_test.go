package main

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"wsticket/cmd/wsticket-bench/internal/load"
)

// example is a report in which everything is known.
func example() report {
	latencies := func(times ...time.Duration) *hdrhistogram.Histogram {
		h := hdrhistogram.New(1, int64(time.Minute), 3)
		for _, d := range times {
			_ = h.RecordValue(int64(d)) // within the histogram
		}
		return h
	}
	var many []time.Duration
	for n := range 40_000 {
		many = append(many, time.Duration(n%1000+500)*time.Microsecond)
	}
	issue := load.Result{
		Elapsed: 2 * time.Second, Latencies: latencies(append(many, 120*time.Millisecond)...), Errors: map[string]int64{},
		Server: load.Usage{CPU: 1.6, Begin: 24 << 20, End: 31.5 * (1 << 20), Parts: 1}, Client: load.Usage{CPU: 0.8, Parts: 1},
	}
	redeem := load.Result{
		Elapsed: 1500 * time.Millisecond, Latencies: latencies(1234567), Failed: 1013,
		Errors: map[string]int64{"issue: 429 rate_limited": 1000, "429 rate_limited": 12, "503 unavailable": 1},
		Server: load.Usage{CPU: math.NaN(), Begin: 1, End: math.NaN(), Parts: 1}, Client: load.Usage{CPU: 0.25, Parts: 2},
	}
	connect := load.Result{
		Latencies: latencies(), Failed: 2, Errors: map[string]int64{"timeout": 1, "connection reset": 1},
	}
	return report{
		Version: "v1.2.3", URL: "http://127.0.0.1:8080", Server: "running server", Callers: 16, Interrupted: true,
		Storms: []stormReport{newStormReport("issue", &issue), newStormReport("redeem", &redeem), newStormReport("connect", &connect)},
	}
}

func TestReportText(t *testing.T) {
	const want = `running server at http://127.0.0.1:8080, 16 callers
interrupted: this is what there was

           per second     p50     p99   p99.9     max  succeeded  failed     in
    issue      20,000  1.00ms  1.49ms  1.50ms   120ms     40,001       0  2.00s
   redeem           0  1.23ms  1.23ms  1.23ms  1.23ms          1   1,013  1.50s
  connect           0       -       -       -       -          0       2  0.00s

           server CPU  for each     server memory  client CPU
    issue       1.60s      40µs  24.0 to 31.5 MiB       0.80s
   redeem     unknown   unknown           unknown       0.25s
  connect     unknown   unknown           unknown     unknown

errors
   redeem  issue: 429 rate_limited: 1,000
   redeem  429 rate_limited: 12
   redeem  503 unavailable: 1
  connect  connection reset: 1
  connect  timeout: 1

hint: 429 says that limits are on: limits.per_address and limits.per_subject bound a client, and wsticket-bench is one. 0 switches a limit off

hint: 503 says that the store did not answer, or is full: memory: holds 1,000,000 tickets, live and spent
`
	var out bytes.Buffer
	if err := example().writeText(&out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != want {
		t.Errorf("the text is\n%s\nwant\n%s", got, want)
	}
}

func TestReportJSON(t *testing.T) {
	const want = `{
  "version": "v1.2.3",
  "url": "http://127.0.0.1:8080",
  "server": "running server",
  "callers": 16,
  "interrupted": true,
  "storms": [
    {
      "storm": "issue",
      "seconds": 2,
      "succeeded": 40001,
      "failed": 0,
      "per_second": 20000.5,
      "latency_ms": {
        "p50": 1.0004,
        "p99": 1.4909,
        "p99_9": 1.4991,
        "max": 120.062
      },
      "errors": {},
      "server": {
        "cpu_seconds": 1.6,
        "resident_bytes_begin": 25165824,
        "resident_bytes_end": 33030144
      },
      "client_cpu_seconds": 0.8
    },
    {
      "storm": "redeem",
      "seconds": 1.5,
      "succeeded": 1,
      "failed": 1013,
      "per_second": 0.7,
      "latency_ms": {
        "p50": 1.2349,
        "p99": 1.2349,
        "p99_9": 1.2349,
        "max": 1.2349
      },
      "errors": {
        "429 rate_limited": 12,
        "503 unavailable": 1,
        "issue: 429 rate_limited": 1000
      },
      "server": {
        "cpu_seconds": null,
        "resident_bytes_begin": 1,
        "resident_bytes_end": null
      },
      "client_cpu_seconds": 0.25
    },
    {
      "storm": "connect",
      "seconds": 0,
      "succeeded": 0,
      "failed": 2,
      "per_second": 0,
      "latency_ms": null,
      "errors": {
        "connection reset": 1,
        "timeout": 1
      },
      "server": {
        "cpu_seconds": null,
        "resident_bytes_begin": null,
        "resident_bytes_end": null
      },
      "client_cpu_seconds": null
    }
  ]
}
`
	var out bytes.Buffer
	if err := example().writeJSON(&out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != want {
		t.Errorf("the document is\n%s\nwant\n%s", got, want)
	}
}
