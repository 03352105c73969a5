package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// tlsFiles are the files that a URL names, each empty if it names none.
type tlsFiles struct{ ca, cert, key string }

// load returns a configuration that verifies the server's certificate. Its
// faults do not repeat the names of the files: see [parseURL].
func (f tlsFiles) load() (*tls.Config, []error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var faults []error
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		config.RootCAs = x509.NewCertPool()
		if err != nil {
			faults = append(faults, fmt.Errorf("ca_file: %w", withoutPath(err)))
		} else if !config.RootCAs.AppendCertsFromPEM(text) {
			faults = append(faults, errors.New("ca_file: holds no certificate in PEM"))
		}
	}
	if f.cert != "" || f.key != "" {
		own, err := f.loadOwn()
		if err != nil {
			faults = append(faults, fmt.Errorf("cert_file and key_file: %w", err))
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, faults
}

// loadOwn reads the client certificate.
func (f tlsFiles) loadOwn() (tls.Certificate, error) {
	if f.cert == "" || f.key == "" {
		return tls.Certificate{}, errors.New("one needs the other")
	}
	cert, err := os.ReadFile(f.cert)
	if err != nil {
		return tls.Certificate{}, withoutPath(err)
	}
	key, err := os.ReadFile(f.key)
	if err != nil {
		return tls.Certificate{}, withoutPath(err)
	}
	own, err := tls.X509KeyPair(cert, key)
	if err != nil { // it quotes the content of the files
		return tls.Certificate{}, errors.New("must be a certificate and its key in PEM")
	}
	return own, nil
}

// withoutPath returns the reason alone, such as "no such file or directory".
func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
