package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The issuer that bench plays for a server without a configuration.
const (
	benchIssuer   = "https://bench.wsticket.invalid"
	benchAudience = "wsticket-bench"
)

// measured is the server that storms are made against.
type measured struct {
	what    string // for the report
	base    *url.URL
	host    string // a Host header that it answers
	origin  string // an Origin header that it wants, empty for none
	bearers []string
	meter   meter
	close   func()
}

// open finds the running server that the flags name, or starts one. Whoever
// calls it calls close.
func (c *benchCmd) open(ctx context.Context, w world) (*measured, error) {
	switch {
	case c.URL != "":
		return c.openRunning(w)
	case c.Key != "" || c.BearerFile != "":
		return c.openConfigured(ctx, w)
	default:
		return c.openEmbedded(ctx, w)
	}
}

func (c *benchCmd) openRunning(w world) (*measured, error) {
	base, err := baseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("--url: %w", err)
	}
	bearers, err := readBearers(c.BearerFile, w.Stdin)
	if err != nil {
		return nil, err
	}
	m := &measured{what: "running server", base: base, host: base.Host, bearers: bearers, meter: unmetered, close: func() {}}
	if c.Internal != "" {
		m.meter = newMeter(strings.TrimSuffix(c.Internal, "/"))
	}
	return m, nil
}

// openConfigured starts a server as a file says, but on the loopback and
// without TLS.
func (c *benchCmd) openConfigured(ctx context.Context, w world) (*measured, error) {
	flags := configFlags{Config: c.Config, Public: "127.0.0.1:0", Internal: "127.0.0.1:0", Set: slices.Concat(c.Set, withoutTLS())}
	cfg, err := flags.load(w)
	if err != nil {
		return nil, err
	}
	var bearers []string
	if c.BearerFile != "" {
		bearers, err = readBearers(c.BearerFile, w.Stdin)
	} else {
		bearers, err = signWithFile(cfg, c.Key, c.Callers)
	}
	if err != nil {
		return nil, err
	}
	return startMeasured(ctx, w, flags, cfg, bearers)
}

// withoutTLS are settings that make listeners speak plain HTTP.
func withoutTLS() []string {
	return []string{
		"public.tls.cert_file=", "public.tls.key_file=",
		"internal.tls.cert_file=", "internal.tls.key_file=", "internal.tls.client_ca_file=",
	}
}

// openEmbedded starts a server that needs nothing: neither a file nor the
// environment's settings. When it listens it has read what is in the folder,
// which is removed at once: whatever ends this process leaves nothing behind.
func (c *benchCmd) openEmbedded(ctx context.Context, w world) (*measured, error) {
	dir, err := os.MkdirTemp("", "wsticket-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return c.openIn(ctx, w, dir)
}

func (c *benchCmd) openIn(ctx context.Context, w world, dir string) (*measured, error) {
	key, keyFile, err := makeKey(dir)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "wsticket.yaml")
	text := fmt.Sprintf("issuers: [{issuer: %q, audience: [%q], algorithms: [ES256], public_key_file: %q}]\nlimits: {per_subject: 0, per_address: 0}\n",
		benchIssuer, benchAudience, keyFile)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	w.Env = slices.DeleteFunc(slices.Clone(w.Env), func(entry string) bool { return strings.HasPrefix(entry, envPrefix) })
	flags := configFlags{Config: file, Public: "127.0.0.1:0", Internal: "127.0.0.1:0", Set: c.Set}
	cfg, err := flags.load(w)
	if err != nil {
		return nil, err
	}
	bearers, err := signBearers(cfg, key, c.Callers)
	if err != nil {
		return nil, err
	}
	return startMeasured(ctx, w, flags, cfg, bearers)
}

// startMeasured starts a server with the flags, which cfg is what they say.
func startMeasured(ctx context.Context, w world, flags configFlags, cfg Config, bearers []string) (*measured, error) {
	args := []string{"serve"}
	if flags.Config != "" {
		args = append(args, "--config", flags.Config)
	}
	for _, setting := range flags.settings() {
		args = append(args, "--set", setting)
	}
	started, err := startChild(ctx, w.Env, args...)
	if err != nil {
		return nil, err
	}
	store, _, _ := strings.Cut(cfg.Store.URL.Reveal(), ":")
	m := &measured{
		what: "own server (" + store + " store)", base: &url.URL{Scheme: "http", Host: started.public},
		bearers: bearers, meter: newMeter("http://" + started.internal), close: started.stop,
	}
	var public *url.URL
	if cfg.Public.URL != "" {
		public, _ = url.Parse(cfg.Public.URL) // Validate has seen it
	}
	m.host = allowedHosts(cfg.Public, public)[0]
	if !cfg.WS.AllowMissingOrigin && len(cfg.Origins) > 0 {
		m.origin = cfg.Origins[0]
	}
	return m, nil
}

// prepare makes the callers.
func (c *benchCmd) prepare(ctx context.Context, w world, m *measured) (*bench, error) {
	origin := c.Origin
	if origin == "" {
		origin = m.origin
	}
	to, err := newTarget(ctx, m.base, target{host: m.host, origin: origin, timeout: c.Timeout})
	if err != nil {
		return nil, err
	}
	b := &bench{duration: c.Duration, count: c.Count, warmUp: c.WarmUp, meter: m.meter, progress: newProgress(w.Stderr)}
	for n := range c.Callers {
		b.callers = append(b.callers, newCaller(to, m.bearers[n%len(m.bearers)]))
	}
	return b, nil
}
