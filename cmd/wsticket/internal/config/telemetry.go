package config

import (
	"net/url"
	"time"

	"wsticket/ticket"
)

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
