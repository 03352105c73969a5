package service

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"wsticket/cmd/wsticket/internal/config"
)

// certificates are the TLS configurations of the listeners, nil for those
// without TLS.
type certificates struct{ public, internal *tls.Config }

// buildTLS reads the certificates of the listeners that have one.
func (s *Service) buildTLS() error {
	f := config.NewFaults()
	var err error
	public, internal := s.cfg.Public.TLS, s.cfg.Internal.TLS
	s.tls.public, err = tlsConfig(public.CertFile, public.KeyFile, "")
	f.Add("public.tls", err)
	s.tls.internal, err = tlsConfig(internal.CertFile, internal.KeyFile, internal.ClientCAFile)
	f.Add("internal.tls", err)
	return f.Err()
}

// tlsConfig reads a server certificate and, if one is named, the authority of
// client certificates. Clients need no certificate, because they may have a key
// or only ask for health; if they present one, it must be of that authority.
func tlsConfig(certFile, keyFile, clientCAFile string) (*tls.Config, error) {
	if certFile == "" || keyFile == "" {
		return nil, nil //nolint:nilnil // No TLS; half of it is a fault of the settings.
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	// WebSockets need HTTP/1.1, so nothing else is offered.
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	if clientCAFile == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(clientCAFile)
	if err != nil {
		return nil, fmt.Errorf("client_ca_file: %w", err)
	}
	cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !cfg.ClientCAs.AppendCertsFromPEM(text) {
		return nil, errors.New("client_ca_file: no certificate in it")
	}
	return cfg, nil
}

// secured puts TLS on a listener if there is a configuration for it.
func secured(ln net.Listener, cfg *tls.Config) net.Listener {
	if cfg == nil {
		return ln
	}
	return tls.NewListener(ln, cfg)
}
