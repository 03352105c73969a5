package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Reload is how settings change while the service runs.
type Reload struct {
	Watch time.Duration `yaml:"watch" help:"How often the configuration file, and every key and certificate file that it names, is looked at. A change that two looks in a row see is taken without a restart, as SIGHUP does. 0s switches it off; otherwise 1s to 1h. docs/reload.md lists what is taken."`
}

// Reloaded returns the settings that a service which runs with c has after next was
// loaded, and the keys of next that need a restart: those stay as they are.
func (c Config) Reloaded(next Config) (now Config, restart []string) {
	now = c
	now.Issuers, now.Origins, now.Limits = next.Issuers, next.Origins, next.Limits
	now.Ticket.Audiences = next.Ticket.Audiences
	now.Public.Hosts, now.Public.CORSHeaders = next.Public.Hosts, next.Public.CORSHeaders
	now.WS.AllowMissingOrigin = next.WS.AllowMissingOrigin
	now.Internal.APIKeys, now.Internal.TLS.ClientNames = next.Internal.APIKeys, next.Internal.TLS.ClientNames
	nexts := next.keyFiles()
	for n, file := range now.keyFiles() {
		if *file != "" && *nexts[n] != "" { // there was one, and there still is
			*file = *nexts[n]
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

// keyFiles are the settings that name files which a reload reads again, apart from those
// of issuers.
func (c *Config) keyFiles() []*string {
	return []*string{
		&c.Public.TLS.CertFile, &c.Public.TLS.KeyFile,
		&c.Internal.TLS.CertFile, &c.Internal.TLS.KeyFile, &c.Internal.TLS.ClientCAFile,
		&c.Ticket.SealKeyFile, &c.Identity.AssertionKeyFile, &c.Webhook.SecretFile, &c.Telemetry.HeadersFile,
	}
}

// Files returns the names of the files that a reload reads again, each once.
func (c Config) Files() []string {
	var names []string
	for _, file := range c.keyFiles() {
		names = append(names, *file)
	}
	for _, issuer := range c.Issuers {
		names = append(names, issuer.PublicKeyFile, issuer.HMACSecretFile)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
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
