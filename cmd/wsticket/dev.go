package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"wsticket/auth"
	"wsticket/internal/limit"
)

// The issuer that `wsticket dev` plays.
const (
	devIssuer   = "https://dev.wsticket.invalid"
	devAudience = "wsticket-dev"
)

type devCmd struct {
	Public   string        `default:"localhost:8080" placeholder:"ADDR" help:"Public listener; loopback only. Port 0 picks a free one (default: localhost:8080)."`
	Internal string        `default:"localhost:8081" placeholder:"ADDR" help:"Internal listener; loopback only (default: localhost:8081)."`
	Sub      string        `default:"demo" placeholder:"NAME" help:"Subject of the bearer (default: demo)."`
	TTL      time.Duration `name:"ttl" default:"8h" help:"Lifetime of the bearer, at most 24h (default: 8h)."`
	Origin   []string      `placeholder:"URL" help:"Origin of a page of yours that may connect, such as http://localhost:5173. May be repeated."`
}

// Run serves with everything embedded and prints lines to paste.
func (c *devCmd) Run(ctx context.Context, w world) error {
	if err := c.validate(); err != nil {
		return usageError{err}
	}
	dir, err := os.MkdirTemp("", "wsticket-dev-")
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	key, keyFile, err := makeKey(dir)
	if err != nil {
		return fmt.Errorf("dev: key: %w", err)
	}
	cfg := c.config(keyFile)
	sockets, err := bind(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%w (port 0 picks a free one, for example --public localhost:0)", err)
	}
	defer sockets.close()
	// A page that this server would serve has an origin with its port.
	port := portOf(sockets.public)
	cfg.Origins = append([]string{"http://localhost:" + port, "http://127.0.0.1:" + port}, c.Origin...)
	if err := cfg.Validate(); err != nil {
		return configError{err}
	}
	a, err := newApp(ctx, cfg, newLogger(cfg.Log, w.Stderr))
	if err != nil {
		return err
	}
	defer a.close()
	if err := c.welcome(w.Stdout, sockets, key); err != nil {
		return err
	}
	return a.serve(ctx, sockets)
}

func (c *devCmd) validate() error {
	var f faults
	f.check(isLoopback(c.Public), "dev: --public: must be a loopback address (got %q); use serve for others", c.Public)
	f.check(isLoopback(c.Internal), "dev: --internal: must be a loopback address (got %q); use serve for others", c.Internal)
	f.check(c.Sub != "", "dev: --sub: must not be empty")
	f.check(c.TTL > 0 && c.TTL <= auth.DefaultMaxLifetime, "dev: --ttl: must be more than 0s and at most 24h (got %s)", c.TTL)
	return errors.Join(f...)
}

// makeKey makes the key that this process signs with, and a file of its
// public half, so that verification takes the same way as in serve.
func makeKey(dir string) (crypto.Signer, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(dir, "issuer.pub.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return key, file, os.WriteFile(file, text, 0o600)
}

// config is that of serve with what a trial needs.
func (c *devCmd) config(keyFile string) Config {
	cfg := defaultConfig()
	cfg.Public.Listen, cfg.Internal.Listen = c.Public, c.Internal
	cfg.Public.Hosts = loopbackNames()
	cfg.Issuers = []IssuerConfig{{
		Issuer: devIssuer, Audience: []string{devAudience}, Algorithms: []string{"ES256"}, PublicKeyFile: keyFile,
	}}
	// There is one caller, and it may be wsticket-bench.
	cfg.Limits.PerSubject, cfg.Limits.PerAddress = limit.Rate{}, limit.Rate{}
	cfg.Log = LogConfig{Level: "info", Format: "text"}
	return cfg
}

// isLoopback takes addresses and the name localhost, and asks no resolver:
// what another name means is not ours to guess.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// welcome prints the start line and, below it, what to do now. The bearer is
// shown on purpose: it is good on this machine and until this process ends.
func (c *devCmd) welcome(out io.Writer, l *listeners, key crypto.Signer) error {
	bearer, err := signBearer(key, bearerSpec{
		Issuer: devIssuer, Subject: c.Sub, Audience: []string{devAudience}, TTL: c.TTL, Type: "at+jwt",
	}, time.Now())
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	if err := l.announce(out); err != nil {
		return fmt.Errorf("start line: %w", err)
	}
	text, err := template.New("welcome").Parse(welcomeText)
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	return errors.Join(text.Execute(out, map[string]string{
		"Base": "http://localhost:" + portOf(l.public), "Internal": "http://localhost:" + portOf(l.internal),
		"Socket": "ws://localhost:" + portOf(l.public), "Bearer": bearer, "Sub": c.Sub,
	}))
}

// The second line speaks the handshake by hand, because curl is everywhere
// and a WebSocket client is not. The key is a fresh one each time it runs.
const welcomeText = `
wsticket is ready, on this machine only. Paste these two lines into another terminal:

TICKET=$(curl -sS -X POST {{.Base}}/ws-ticket -H 'Authorization: Bearer {{.Bearer}}' | grep -o 'wst1_[0-9A-Za-z_-]*' | head -n 1)
curl -sSiN --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H "Sec-WebSocket-Key: $(head -c 16 /dev/urandom | base64)" "{{.Base}}/ws?ticket=$TICKET"

The first gets a ticket for {{.Sub}}, the second connects with it and is greeted. End it with Ctrl-C and
paste the second line again: the ticket is spent, and the answer is that for an invented one.

To type messages instead:  npx wscat -c "{{.Socket}}/ws?ticket=$TICKET"   (after a new first line)
Health, metrics, API:      {{.Internal}}/readyz  {{.Internal}}/metrics  {{.Internal}}/openapi.yaml
Ctrl-C here ends it, and with it the bearer.

`
