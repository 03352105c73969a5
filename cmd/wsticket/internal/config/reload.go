package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Reloaded returns the settings that a service which runs with c has after next was
// loaded, and the keys of next that need a restart: those stay as they are.
func (c Config) Reloaded(next Config) (now Config, restart []string) {
	now = c
	now.Issuers, now.Origins, now.Limits = next.Issuers, next.Origins, next.Limits
	now.Ticket.Audiences = next.Ticket.Audiences
	now.Public.Hosts, now.Public.CORSHeaders = next.Public.Hosts, next.Public.CORSHeaders
	now.WS.AllowMissingOrigin = next.WS.AllowMissingOrigin
	now.Internal.APIKeys, now.Internal.TLS.ClientNames = next.Internal.APIKeys, next.Internal.TLS.ClientNames
	for _, file := range []struct {
		now  *string
		next string
	}{
		{&now.Public.TLS.CertFile, next.Public.TLS.CertFile},
		{&now.Public.TLS.KeyFile, next.Public.TLS.KeyFile},
		{&now.Internal.TLS.CertFile, next.Internal.TLS.CertFile},
		{&now.Internal.TLS.KeyFile, next.Internal.TLS.KeyFile},
		{&now.Internal.TLS.ClientCAFile, next.Internal.TLS.ClientCAFile},
		{&now.Ticket.SealKeyFile, next.Ticket.SealKeyFile},
		{&now.Identity.AssertionKeyFile, next.Identity.AssertionKeyFile},
		{&now.Webhook.SecretFile, next.Webhook.SecretFile},
		{&now.Telemetry.HeadersFile, next.Telemetry.HeadersFile},
	} {
		if *file.now != "" && file.next != "" { // there was one, and there still is
			*file.now = file.next
		}
	}
	return now, Changed(now, next)
}

// Changed returns the keys whose values differ. A list is one value.
func Changed(a, b Config) []string {
	var keys []string
	before, after := fields(reflect.ValueOf(&a).Elem(), ""), fields(reflect.ValueOf(&b).Elem(), "")
	for n, f := range before {
		if !reflect.DeepEqual(f.value.Interface(), after[n].value.Interface()) {
			keys = append(keys, f.path)
		}
	}
	return keys
}

// Files returns the names of all files that the settings name, each once.
func (c Config) Files() []string {
	names := filesIn(fields(reflect.ValueOf(&c).Elem(), ""))
	for _, issuer := range c.Issuers {
		names = append(names, filesIn(fields(reflect.ValueOf(&issuer).Elem(), ""))...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func filesIn(all []field) (names []string) {
	for _, f := range all {
		if name, ok := f.value.Interface().(string); ok && name != "" && strings.HasSuffix(f.path, fileSuffix) {
			names = append(names, name)
		}
	}
	return names
}

// Hash returns a word that is the same for the same settings, so that processes can be
// compared. It is not about what the files contain that the settings name, and secrets
// are not part of it.
func (c Config) Hash() string {
	digest := sha256.New()
	for _, f := range fields(reflect.ValueOf(&c).Elem(), "") {
		_, _ = fmt.Fprintf(digest, "%s: %+v\n", f.path, f.value.Interface()) // a Secret is a fixed text
	}
	return hex.EncodeToString(digest.Sum(nil)[:6])
}
