package main

import (
	"errors"
	"strings"

	"wsticket/api"
	"wsticket/auth"
	"wsticket/internal/limit"
)

// addChecks adds what backends and proxies ask at the internal listener.
func (a *app) addChecks(o *api.Options, r api.Redeemer) error {
	keys, err := auth.NewKeyring(a.cfg.Internal.keys())
	if err != nil {
		return err
	}
	o.Redeemer, o.Keys, o.Audiences = r, keys, a.cfg.Ticket.Audiences
	o.KeyLimit = limit.New(a.cfg.Limits.PerAddress, limitKeys, nil)
	o.GuardMetrics = a.cfg.Internal.TLS.ClientCAFile != ""
	o.Doors, o.AllowMissingOrigin, o.Identifier = a.cfg.openDoors(), a.cfg.WS.AllowMissingOrigin, a.forwarder
	return nil
}

// isForwardAuth tells the routes of proxies that ask about a handshake.
func isForwardAuth(route string) bool { return strings.HasPrefix(route, "/auth/") }

// validateInternal finds the faults of the internal listener alone.
func (c Config) validateInternal() error {
	var f faults
	c.Internal.validate(&f)
	return errors.Join(f...)
}

// validate leaves the judgement about keys to the room that will use them.
func (i InternalConfig) validate(f *faults) {
	f.check(i.Listen != "", "internal.listen: must not be empty")
	f.check((i.TLS.CertFile == "") == (i.TLS.KeyFile == ""), "internal.tls: cert_file and key_file go together")
	f.check(i.TLS.ClientCAFile == "" || i.TLS.CertFile != "", "internal.tls.client_ca_file: needs cert_file and key_file")
	if _, err := auth.NewKeyring(i.keys()); err != nil {
		for fault := range strings.SplitSeq(err.Error(), "\n") {
			f.add("internal.%s", fault)
		}
	}
}

// keys are the API keys as package auth wants them.
func (i InternalConfig) keys() []auth.APIKey {
	keys := make([]auth.APIKey, len(i.APIKeys))
	for n, key := range i.APIKeys {
		keys[n] = auth.APIKey(key)
	}
	return keys
}
