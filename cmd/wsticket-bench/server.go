package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"wsticket/cmd/wsticket-bench/internal/load"
)

// envPrefix begins the name of every setting of wsticket in the environment.
const envPrefix = "WSTICKET_"

// server is the server that is measured.
type server struct {
	what    string // for the report
	base    *url.URL
	bearers []string
	meter   load.Meter
	close   func()
}

// program is a wsticket and the environment that it is run in.
type program struct {
	file string
	env  []string
}

// open returns the running server that the flags name, or starts one. The
// caller has to close it.
func (c *command) open(ctx context.Context, stdin io.Reader) (*server, error) {
	if c.URL != "" {
		return c.openRunning(stdin)
	}
	file, err := c.locate()
	if err != nil {
		return nil, err
	}
	p := program{file, os.Environ()}
	if c.configured() {
		return c.startConfigured(ctx, p, stdin)
	}
	return c.startEmbedded(ctx, p)
}

func (c *command) openRunning(stdin io.Reader) (*server, error) {
	base, err := baseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("--url: %w", err)
	}
	bearers, err := readBearers(c.BearerFile, stdin)
	if err != nil {
		return nil, err
	}
	s := &server{what: "running server", base: base, bearers: bearers, meter: load.Unmetered, close: func() {}}
	if c.Internal != "" {
		s.meter = load.NewMeter(strings.TrimSuffix(c.Internal, "/"))
	}
	return s, nil
}

// locate finds the wsticket to start.
func (c *command) locate() (string, error) {
	if c.Wsticket != "" {
		return c.Wsticket, nil
	}
	if self, err := os.Executable(); err == nil {
		if found, err := exec.LookPath(filepath.Join(filepath.Dir(self), "wsticket")); err == nil {
			return found, nil
		}
	}
	found, err := exec.LookPath("wsticket")
	if err != nil {
		return "", errors.New("no wsticket next to this program or in PATH: name one with --wsticket, or a running server with --url")
	}
	return found, nil
}

// startConfigured starts a server as a configuration says, but on the loopback,
// without TLS, and open to clients that send no Origin unless --origin is given.
func (c *command) startConfigured(ctx context.Context, p program, stdin io.Reader) (*server, error) {
	var bearers []string
	var err error
	if c.BearerFile != "" {
		bearers, err = readBearers(c.BearerFile, stdin)
	} else {
		bearers, err = c.signBearers(ctx, p, c.Config, c.Key)
	}
	if err != nil {
		return nil, err
	}
	settings := append(slices.Clone(c.Set),
		"public.hosts=127.0.0.1",
		"public.tls.cert_file=", "public.tls.key_file=",
		"internal.tls.cert_file=", "internal.tls.key_file=", "internal.tls.client_ca_file=",
	)
	if c.Origin == "" {
		settings = append(settings, "ws.allow_missing_origin=true")
	}
	return start(ctx, p, c.Config, settings, bearers)
}

// The issuer of a server with everything embedded.
const embedded = `issuers: [{issuer: "https://bench.wsticket.invalid", audience: [wsticket-bench], algorithms: [HS256], hmac_secret_file: %q}]
limits:  {per_subject: 0, per_address: 0}
`

// startEmbedded starts a server that needs neither a file nor settings in the
// environment. When it listens, it has read what is in the folder, which is
// then removed.
func (c *command) startEmbedded(ctx context.Context, p program) (*server, error) {
	dir, err := os.MkdirTemp("", "wsticket-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	key, config := filepath.Join(dir, "secret"), filepath.Join(dir, "wsticket.yaml")
	err = errors.Join(
		os.WriteFile(key, []byte(rand.Text()+rand.Text()), 0o600),
		os.WriteFile(config, fmt.Appendf(nil, embedded, key), 0o600),
	)
	if err != nil {
		return nil, err
	}
	p.env = slices.DeleteFunc(p.env, func(entry string) bool { return strings.HasPrefix(entry, envPrefix) })
	bearers, err := c.signBearers(ctx, p, config, key)
	if err != nil {
		return nil, err
	}
	return start(ctx, p, config, c.Set, bearers)
}

// start starts a server on free ports of the loopback.
func start(ctx context.Context, p program, config string, settings, bearers []string) (*server, error) {
	args := []string{"serve", "--public", "127.0.0.1:0", "--internal", "127.0.0.1:0"}
	if config != "" {
		args = append(args, "--config", config)
	}
	for _, setting := range settings {
		args = append(args, "--set", setting)
	}
	started, err := startProcess(ctx, p, args...)
	if err != nil {
		return nil, err
	}
	s := &server{
		what: "own server (memory store)", base: &url.URL{Scheme: "http", Host: started.public},
		bearers: bearers, meter: load.NewMeter("http://" + started.internal), close: started.stop,
	}
	if s.meter(ctx).Redis {
		s.what = "own server (redis store)"
	}
	return s, nil
}
