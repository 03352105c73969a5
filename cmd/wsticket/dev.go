package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"text/template"
	"time"

	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/cmd/wsticket/internal/service"
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
	key, keyFile, err := devidp.NewKey(dir)
	if err != nil {
		return fmt.Errorf("dev: key: %w", err)
	}
	cfg := c.config(keyFile)
	sockets, err := service.Listen(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%w (port 0 picks a free one, for example --public localhost:0)", err)
	}
	defer sockets.Close()
	// A page that this server would serve has an origin with its port.
	port := portOf(sockets.Public())
	cfg.Origins = append([]string{"http://localhost:" + port, "http://127.0.0.1:" + port}, c.Origin...)
	s, err := service.New(cfg, service.Options{Version: version, Log: w.Stderr})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Open(ctx, 0); err != nil {
		return err
	}
	if err := c.welcome(w.Stdout, sockets, key); err != nil {
		return err
	}
	return s.Serve(ctx, sockets)
}

func (c *devCmd) validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("dev: "+format, args...))
		}
	}
	check(service.IsLoopback(c.Public), "--public: must be a loopback address (got %q); use serve for others", c.Public)
	check(service.IsLoopback(c.Internal), "--internal: must be a loopback address (got %q); use serve for others", c.Internal)
	check(c.Sub != "", "--sub: must not be empty")
	check(c.TTL > 0 && c.TTL <= auth.DefaultMaxLifetime, "--ttl: must be more than 0s and at most 24h (got %s)", c.TTL)
	return errors.Join(faults...)
}

// config returns the settings of serve with what a trial needs.
func (c *devCmd) config(keyFile string) config.Config {
	cfg := config.Default()
	cfg.Public.Listen, cfg.Internal.Listen = c.Public, c.Internal
	cfg.Public.Hosts = config.LoopbackNames()
	cfg.Issuers = []config.Issuer{{
		Issuer: devIssuer, Audience: []string{devAudience}, Algorithms: []string{"ES256"}, PublicKeyFile: keyFile,
	}}
	cfg.WS.Doors = config.AllDoors()
	// There is one caller, and it may be wsticket-bench.
	cfg.Limits.PerSubject, cfg.Limits.PerAddress = limit.Rate{}, limit.Rate{}
	cfg.Log = config.Log{Level: "info", Format: "text"}
	return cfg
}

func portOf(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return port
}

// welcome prints the start line and below it what to do next. It prints the
// bearer on purpose: that is valid on this machine only, until this process
// ends.
func (c *devCmd) welcome(out io.Writer, l *service.Listeners, key crypto.Signer) error {
	bearer, err := devidp.Bearer{
		Issuer: devIssuer, Subject: c.Sub, Audience: []string{devAudience}, TTL: c.TTL, Type: "at+jwt",
	}.Sign(key, time.Now())
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	if err := l.Announce(out); err != nil {
		return err
	}
	text, err := template.New("welcome").Parse(welcomeText)
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	return errors.Join(text.Execute(out, map[string]string{
		"Base": "http://localhost:" + portOf(l.Public()), "Internal": "http://localhost:" + portOf(l.Internal()),
		"Socket": "ws://localhost:" + portOf(l.Public()), "Bearer": bearer, "Sub": c.Sub,
	}))
}

// The second line makes the handshake with curl, which is installed nearly
// everywhere, unlike a WebSocket client. Its key is a new one each time.
const welcomeText = `
wsticket is ready, on this machine only. Paste these two lines into another terminal:

TICKET=$(curl -sS -X POST {{.Base}}/ws-ticket -H 'Authorization: Bearer {{.Bearer}}' | grep -o 'wst1_[0-9A-Za-z_-]*' | head -n 1)
curl -sSiN --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H "Sec-WebSocket-Key: $(head -c 16 /dev/urandom | base64)" "{{.Base}}/ws?ticket=$TICKET"

The first gets a ticket for {{.Sub}}, the second connects with it and prints a greeting. Stop it with Ctrl-C
and paste the second line again: the ticket is spent, and the answer is the same as for an unknown ticket.

To type messages instead:  npx wscat -c "{{.Socket}}/ws?ticket=$TICKET"   (after a new first line)
Health, metrics, API:      {{.Internal}}/readyz  {{.Internal}}/metrics  {{.Internal}}/openapi.yaml
Ctrl-C here stops wsticket. The bearer is worthless then.

`
