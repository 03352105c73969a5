package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

type checkConfigCmd struct {
	configFlags
}

// Run names every fault of the configuration, and every file that it names
// and that cannot be read.
func (c *checkConfigCmd) Run(w world) error {
	cfg, err := c.read(w)
	if _, unreadable := errors.AsType[*fs.PathError](err); unreadable {
		return err
	}
	if err := errors.Join(err, cfg.Validate(), cfg.checkFiles()); err != nil {
		return configError{err}
	}
	for _, door := range cfg.WS.closedDoors() {
		_, _ = fmt.Fprintf(w.Stderr, "warning: ws.doors: %s is not available in this version and stays closed\n", door)
	}
	_, err = fmt.Fprintln(w.Stdout, "the configuration is good")
	return err
}

// checkFiles opens what serve is going to read.
func (c Config) checkFiles() error {
	type named struct{ key, file string }
	files := []named{
		{"public.tls.cert_file", c.Public.TLS.CertFile},
		{"public.tls.key_file", c.Public.TLS.KeyFile},
		{"internal.tls.cert_file", c.Internal.TLS.CertFile},
		{"internal.tls.key_file", c.Internal.TLS.KeyFile},
		{"internal.tls.client_ca_file", c.Internal.TLS.ClientCAFile},
	}
	for n, issuer := range c.Issuers {
		files = append(files,
			named{fmt.Sprintf("issuers[%d].public_key_file", n), issuer.PublicKeyFile},
			named{fmt.Sprintf("issuers[%d].hmac_secret_file", n), issuer.HMACSecretFile})
	}
	var faults []error
	for _, f := range files {
		if f.file == "" {
			continue
		}
		file, err := os.Open(f.file)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", f.key, err))
			continue
		}
		_ = file.Close()
	}
	return errors.Join(faults...)
}
