package main

import (
	"bytes"
	"errors"
	"maps"
	"testing"
	"time"
)

// madeUp is a run with all that a report can say.
func madeUp() report {
	var issue, redeem, connect tally
	for n := range 40_000 {
		issue.latencies.record(time.Duration(n%1000+500) * time.Microsecond)
	}
	issue.latencies.record(120 * time.Millisecond)
	issue.elapsed = 2 * time.Second
	issue.server = usage{cpu: 1.6, begin: 24 << 20, end: 31.5 * (1 << 20), parts: 1}
	issue.client = usage{cpu: 0.8, parts: 1}

	redeem.latencies.record(1234567 * time.Nanosecond)
	redeem.elapsed = 1500 * time.Millisecond
	redeem.failed.Store(1013)
	redeem.kinds = map[string]int64{"issue: 429 rate_limited": 1000, "429 rate_limited": 12, "503 unavailable": 1}
	redeem.server.add(reading{1, 1}, unknown())
	redeem.client = usage{cpu: 0.25, parts: 2}

	connect.failed.Store(2)
	connect.kinds = map[string]int64{"timeout": 1, "connection reset": 1}
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

hint: 429 says that limits are on: limits.per_address and limits.per_subject bound a client, and bench is one. 0 switches a limit off

hint: 503 says that the store did not answer, or is full: memory: holds 1,000,000 tickets, live and spent
`
	var out bytes.Buffer
	if err := madeUp().writeText(&out); err != nil {
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
        "p50": 1.0015,
        "p99": 1.4868,
        "p99_9": 1.495,
        "max": 120
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
        "p50": 1.2329,
        "p99": 1.2329,
        "p99_9": 1.2329,
        "max": 1.2346
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
	if err := madeUp().writeJSON(&out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != want {
		t.Errorf("the document is\n%s\nwant\n%s", got, want)
	}
}

func TestReportThatCannotBeWritten(t *testing.T) {
	full := errors.New("no space left")
	for name, write := range map[string]error{"text": madeUp().writeText(brokenWriter{full}), "JSON": madeUp().writeJSON(brokenWriter{full})} {
		if !errors.Is(write, full) {
			t.Errorf("%s = %v, want %v", name, write, full)
		}
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestSpelling(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 100000: "100,000"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
	for ms, want := range map[float64]string{0: "0µs", 0.0123: "12µs", 0.9994: "999µs", 1: "1.00ms", 99.994: "99.99ms", 100: "100ms", 5000: "5000ms"} {
		if got := spell(ms); got != want {
			t.Errorf("spell(%g) = %q, want %q", ms, got, want)
		}
	}
}

// TestReportIsACopy: whoever goes on counting does not change what is printed.
func TestReportIsACopy(t *testing.T) {
	var counted tally
	_ = counted.add(t.Context(), 0, errorKind("status 500"))
	r := newStormReport("issue", &counted)
	_ = counted.add(t.Context(), 0, errorKind("status 500"))
	if want := map[string]int64{"status 500": 1}; !maps.Equal(r.Errors, want) {
		t.Errorf("errors are %v, want %v", r.Errors, want)
	}
}
