package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// tlsFiles are the files that a URL names, each empty where it does not.
type tlsFiles struct{ ca, cert, key string }

// load returns settings that verify the server under the name by which it is
// called. Its errors do not tell the names of the files: see [parseURL].
func (f tlsFiles) load() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var faults []error
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		config.RootCAs = x509.NewCertPool()
		if err != nil {
			faults = append(faults, fmt.Errorf("store: redis: url: ca_file: %w", withoutPath(err)))
		} else if !config.RootCAs.AppendCertsFromPEM(text) {
			faults = append(faults, errors.New("store: redis: url: ca_file: holds no certificate in PEM"))
		}
	}
	switch {
	case (f.cert == "") != (f.key == ""):
		faults = append(faults, errors.New("store: redis: url: cert_file and key_file: one needs the other"))
	case f.cert != "":
		own, err := f.loadOwn()
		if err != nil {
			faults = append(faults, err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, errors.Join(faults...)
}

func (f tlsFiles) loadOwn() (tls.Certificate, error) {
	cert, certErr := os.ReadFile(f.cert)
	key, keyErr := os.ReadFile(f.key)
	if err := errors.Join(withoutPath(certErr), withoutPath(keyErr)); err != nil {
		return tls.Certificate{}, fmt.Errorf("store: redis: url: cert_file and key_file: %w", err)
	}
	own, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, errors.New("store: redis: url: cert_file and key_file: must be a certificate and its key in PEM")
	}
	return own, nil
}

// withoutPath keeps the reason alone: no such file, permission denied.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
