package config

import (
	"net/url"
	"time"

	"wsticket/ticket"
)

// Telemetry is what a collector gets.
type Telemetry struct {
	Endpoint        string        `yaml:"otlp_endpoint" help:"URL of a collector that takes OTLP over HTTP, such as http://localhost:4318: it gets spans and metrics. /v1/traces and /v1/metrics are appended. Empty: nothing is sent. See docs/observability.md."`
	SampleRatio     Ratio         `yaml:"sample_ratio" help:"Part of the requests whose spans are sent, 0 to 1. A trusted proxy and a caller with a key decide themselves, by the sampled flag of their traceparent."`
	HeadersFile     string        `yaml:"headers_file" help:"File with the headers that the collector requires, one per line, such as Authorization: Bearer abc."`
	CAFile          string        `yaml:"ca_file" help:"PEM certificate authorities of the collector. Empty: those of the system."`
	MetricsInterval time.Duration `yaml:"metrics_interval" help:"How often the metrics of /metrics are sent, 1s to 1h. 0s: never."`
}

// The bounds of telemetry.metrics_interval.
const (
	minMetricsInterval = time.Second
	maxMetricsInterval = time.Hour
)

// validate checks what needs no file and is not the collector's URL, which package
// telemetry checks.
func (t Telemetry) validate(f *ticket.OptionErrors) {
	f.Check(t.MetricsInterval == 0 || t.MetricsInterval >= minMetricsInterval && t.MetricsInterval <= maxMetricsInterval,
		"telemetry.metrics_interval", "must be 0s, or 1s..1h (got %s)", t.MetricsInterval)
	f.Check(t.HeadersFile == "" || t.Endpoint != "", "telemetry.headers_file", "needs telemetry.otlp_endpoint")
	f.Check(t.CAFile == "" || t.encrypted(), "telemetry.ca_file", "needs a telemetry.otlp_endpoint with https")
}

// encrypted reports whether the collector is reached by TLS.
func (t Telemetry) encrypted() bool {
	u, err := url.Parse(t.Endpoint)
	return err == nil && u.Scheme == "https"
}
