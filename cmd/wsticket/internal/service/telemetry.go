package service

import (
	"crypto/x509"
	"errors"
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
	headers, fault := s.current().collectorHeaders()
	var authorities *x509.CertPool
	if cfg.CAFile != "" {
		var err error
		authorities, _, err = readAuthorities(cfg.CAFile)
		f.Add("telemetry.ca_file", err)
	}
	if err := errors.Join(f.Err(), fault); err != nil {
		return err
	}
	s.telemetry = telemetry.New(telemetry.Options{
		Endpoint: cfg.Endpoint, Headers: headers, RootCAs: authorities, SampleRatio: float64(cfg.SampleRatio), Version: s.info.Version,
		Metrics: s.metrics.Gatherer(), Interval: cfg.MetricsInterval, Logger: s.log,
	})
	s.metrics.Telemetry(s.telemetry.Stats)
	return nil
}

// collectorHeaders reads what is sent with each request to the collector. Without a file
// there is none.
func (s *generation) collectorHeaders() (http.Header, error) {
	if s.cfg.Telemetry.HeadersFile == "" {
		return nil, nil
	}
	f := config.NewFaults()
	headers, err := telemetry.ReadHeaders(s.cfg.Telemetry.HeadersFile)
	f.Add("telemetry.headers_file", err)
	return headers, f.Err()
}
