package service

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/keyfile"
	"wsticket/ticket"
)

// certificates are the TLS configurations of the listeners, nil for those
// without TLS.
type certificates struct {
	public, internal *tls.Config
	authorities      map[string]bool // the certificates of internal.ClientCAs
}

func (c certificates) ofPublic() *tls.Config   { return c.public }
func (c certificates) ofInternal() *tls.Config { return c.internal }

// buildTLS reads the certificates of the listeners that have one.
func (s *generation) buildTLS() error {
	f := config.NewFaults()
	public, internal := s.cfg.Public.TLS, s.cfg.Internal.TLS
	s.tls.public = tlsConfig(&f, "public.tls", public.CertFile, public.KeyFile)
	s.tls.internal = tlsConfig(&f, "internal.tls", internal.CertFile, internal.KeyFile)
	if s.tls.internal != nil && internal.ClientCAFile != "" {
		// Clients need no certificate, because they may have a key or only ask for
		// health; if they present one, it must be of this authority.
		var err error
		s.tls.internal.ClientAuth = tls.VerifyClientCertIfGiven
		s.tls.internal.ClientCAs, s.tls.authorities, err = readAuthorities(internal.ClientCAFile)
		f.Add("internal.tls.client_ca_file", err)
	}
	return f.Err()
}

// tlsConfig reads a server certificate. It returns nil for no TLS, for half of
// it, which is a fault of the settings, and after a fault.
func tlsConfig(f *ticket.OptionErrors, section, certFile, keyFile string) *tls.Config {
	if certFile == "" || keyFile == "" {
		return nil
	}
	cert, certErr := keyfile.Read(certFile)
	if certErr == nil {
		certErr = checkCertificate(certFile, cert)
	}
	f.Add(section+".cert_file", certErr)
	key, keyErr := keyfile.Read(keyFile)
	if kind := keyfile.Kind(key); keyErr == nil && kind != "a private key" {
		keyErr = keyfile.In(keyFile, fmt.Errorf("must hold a private key in PEM, not %s", kind))
	}
	f.Add(section+".key_file", keyErr)
	if certErr != nil || keyErr != nil {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil { // the library's text may quote the files
		f.Add(section+".key_file", keyfile.In(keyFile, fmt.Errorf("must be the key of the first certificate in %s", certFile)))
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: httpOnly}
}

// checkCertificate returns an error if the first block of a file is no
// certificate.
func checkCertificate(file string, data []byte) error {
	if kind := keyfile.Kind(data); kind != "a certificate" {
		return keyfile.In(file, fmt.Errorf("must hold a certificate in PEM, not %s", kind))
	}
	block, _ := pem.Decode(data)
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return keyfile.In(file, errors.New("holds a certificate that cannot be read"))
	}
	return nil
}

// readAuthorities reads certificate authorities, and returns them as a pool and as
// they are.
func readAuthorities(file string) (*x509.CertPool, map[string]bool, error) {
	data, err := keyfile.Read(file)
	if err != nil {
		return nil, nil, err
	}
	pool, all := x509.NewCertPool(), make(map[string]bool)
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			pool.AddCert(certificate)
			all[string(certificate.Raw)] = true
		}
	}
	if len(all) == 0 {
		return nil, nil, keyfile.In(file, fmt.Errorf("must hold certificates in PEM, not %s", keyfile.Kind(data)))
	}
	return pool, all, nil
}

// secured speaks TLS on a listener, if there is a certificate for it. Each handshake is
// made with that of now.
func (s *Service) secured(ln net.Listener, of func(certificates) *tls.Config) net.Listener {
	if of(s.current().tls) == nil {
		return ln
	}
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: httpOnly,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return of(s.current().tls), nil },
	})
}

// httpOnly are the protocols that are offered: WebSockets need HTTP/1.1.
var httpOnly = []string{"http/1.1"}
