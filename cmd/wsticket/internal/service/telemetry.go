package service

import (
	"crypto/x509"
	"net/http"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/telemetry"
)

// buildTelemetry makes the exporter of spans and metrics, if there is a collector.
func (s *Service) buildTelemetry() error {
	cfg := s.cfg.Telemetry
	if cfg.Endpoint == "" {
		return nil
	}
	f := config.NewFaults()
	f.Add("telemetry.otlp_endpoint", telemetry.CheckEndpoint(cfg.Endpoint))
	var headers http.Header
	var authorities *x509.CertPool
	var err error
	if cfg.HeadersFile != "" {
		headers, err = telemetry.ReadHeaders(cfg.HeadersFile)
		f.Add("telemetry.headers_file", err)
	}
	if cfg.CAFile != "" {
		authorities, _, err = readAuthorities(cfg.CAFile)
		f.Add("telemetry.ca_file", err)
	}
	if err := f.Err(); err != nil {
		return err
	}
	s.telemetry = telemetry.New(telemetry.Options{
		Endpoint: cfg.Endpoint, Headers: headers, RootCAs: authorities, SampleRatio: float64(cfg.SampleRatio), Version: s.info.Version,
		Metrics: s.metrics.Gatherer(), Interval: cfg.MetricsInterval, Logger: s.log,
	})
	s.metrics.Telemetry(s.telemetry.Stats)
	return nil
}
