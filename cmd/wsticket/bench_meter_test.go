package main

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

func TestParseMetrics(t *testing.T) {
	for _, row := range []struct {
		rule, text string
		want       reading
	}{
		{"both", "# HELP process_cpu_seconds_total x\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.25\ngo_goroutines 7\nprocess_resident_memory_bytes 2.5e+07\n", reading{1.25, 2.5e7}},
		{"with a time", "process_cpu_seconds_total 3 1395066363000\n", reading{3, math.NaN()}},
		{"a name that only begins so", "process_cpu_seconds_total_more 3\nprocess_resident_memory_bytes_max 4\n", unknown()},
		{"no number", "process_cpu_seconds_total many\nprocess_resident_memory_bytes\n", unknown()},
		{"something else", "<html>\n\n", unknown()},
		{"nothing", "", unknown()},
		{"a line longer than any", strings.Repeat("x", 1<<17) + "\nprocess_cpu_seconds_total 3\n", unknown()},
	} {
		t.Run(row.rule, func(t *testing.T) {
			if got := parseMetrics(strings.NewReader(row.text)); !same(got.cpu, row.want.cpu) || !same(got.memory, row.want.memory) {
				t.Errorf("parseMetrics = %v, want %v", got, row.want)
			}
		})
	}
}

// same compares, and holds unknown to be unknown.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestMeter(t *testing.T) {
	real := httptest.NewServer(newMetrics("/ws").handler())
	defer real.Close()
	if got := newMeter(real.URL)(t.Context()); !(got.cpu >= 0) || !(got.memory > 1<<20) {
		t.Errorf("our own metrics read as %v", got)
	}
	broken := httptest.NewServer(http.NotFoundHandler())
	defer broken.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for rule, got := range map[string]reading{
		"nobody listens":    newMeter("http://" + testenv.FreeAddr(t))(t.Context()),
		"no such page":      newMeter(broken.URL)(t.Context()),
		"not an address":    newMeter("http://a b")(t.Context()),
		"no time to answer": newMeter(real.URL)(ended),
	} {
		if !same(got.cpu, math.NaN()) || !same(got.memory, math.NaN()) {
			t.Errorf("%s: reads as %v, want unknown", rule, got)
		}
	}
}

func TestReadSelf(t *testing.T) {
	if got := readSelf(); !(got.cpu > 0) || !(got.memory > 1<<20) {
		t.Errorf("readSelf = %v", got)
	}
}
