package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"wsticket/auth"
	"wsticket/store/redisstore"
)

type checkConfigCmd struct {
	configFlags
}

// Run names every fault of the configuration, and every file that it names
// and that cannot be read.
func (c *checkConfigCmd) Run(ctx context.Context, w world) error {
	_, err := c.loadFor(w, func(cfg Config) error { return errors.Join(cfg.Validate(), cfg.checkFiles(ctx)) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w.Stdout, "the configuration is good")
	return err
}

// checkFiles reads what serve is going to read, and asks no network.
func (c Config) checkFiles(ctx context.Context) error {
	_, err := readSealKeys(c.Ticket.SealKeyFile)
	return errors.Join(err, c.checkStoreURL(), c.checkCertificates(), c.checkKeys(ctx))
}

// checkStoreURL has the URL and the certificates that it names read by the room
// that will use them.
func (c Config) checkStoreURL() error {
	if !c.Store.isShared() {
		return nil // Config.Validate has said what is wrong
	}
	return redisstore.CheckURL(c.Store.URL.Reveal())
}

func (c Config) checkCertificates() error {
	var faults []error
	for _, f := range []struct{ key, cert, private, ca string }{
		{"public.tls", c.Public.TLS.CertFile, c.Public.TLS.KeyFile, ""},
		{"internal.tls", c.Internal.TLS.CertFile, c.Internal.TLS.KeyFile, c.Internal.TLS.ClientCAFile},
	} {
		if f.cert == "" || f.private == "" {
			continue
		}
		if _, err := tlsConfig(f.cert, f.private, f.ca); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", f.key, err))
		}
	}
	return errors.Join(faults...)
}

// checkKeys has the key files of issuers and assertions read by the room that
// will use them. Keys behind a URL are not asked for: a check must not depend on who is up.
func (c Config) checkKeys(ctx context.Context) error {
	options := authOptions(c, nil)
	if options.Validate() != nil {
		return c.checkAssertion(nil) // Config.Validate has said what is wrong
	}
	offline := errors.New("offline")
	options.Network.LookupIP = func(context.Context, string) ([]netip.Addr, error) { return nil, offline }
	options.Network.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, offline }
	verifier, err := auth.New(ctx, options)
	if err != nil {
		return errors.Join(err, c.checkAssertion(nil))
	}
	defer verifier.Close()
	return c.checkAssertion(verifier)
}
