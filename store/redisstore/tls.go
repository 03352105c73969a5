package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"

	"wsticket/internal/keyfile"
)

// tlsFiles are the files that a URL names, each empty if it names none.
type tlsFiles struct{ ca, cert, key, dir string }

// setDir sets the folder that relative names are relative to.
func (f *tlsFiles) setDir(dir string) {
	if whole, err := filepath.Abs(dir); err == nil {
		f.dir = whole
	}
}

// load returns a configuration that verifies the server's certificate. Its
// faults do not repeat the names of the files: see [parseURL].
func (f tlsFiles) load() (*tls.Config, []error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var faults []error
	if f.ca != "" {
		text, err := f.read(f.ca)
		config.RootCAs = x509.NewCertPool()
		if err != nil {
			faults = append(faults, fmt.Errorf("ca_file: %w", err))
		} else if !config.RootCAs.AppendCertsFromPEM(text) {
			faults = append(faults, fmt.Errorf("ca_file: must hold certificates in PEM, not %s", keyfile.Kind(text)))
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
	cert, err := f.read(f.cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := f.read(f.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	own, err := tls.X509KeyPair(cert, key)
	if err != nil { // it quotes the content of the files
		return tls.Certificate{}, errors.New("must be a certificate and its key in PEM")
	}
	return own, nil
}

// path returns the whole name of a file, empty for none.
func (f tlsFiles) path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(f.dir, name)
}

// read reads a file. Its error has the reason alone, and for a relative name the
// folder.
func (f tlsFiles) read(name string) ([]byte, error) {
	path := f.path(name)
	data, err := keyfile.Read(path)
	fault, ok := errors.AsType[*keyfile.Fault](err)
	switch {
	case ok && path == name:
		return nil, fault.Err
	case ok:
		return nil, fmt.Errorf("%w (it is relative to the folder %s)", fault.Err, f.dir)
	}
	return data, err
}
