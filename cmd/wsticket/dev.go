package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"

	"wsticket/api"
	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/cmd/wsticket/internal/service"
	"wsticket/cmd/wsticket/internal/trial"
	"wsticket/internal/buildinfo"
	"wsticket/internal/limit"
	"wsticket/internal/maskurl"
	"wsticket/ticket"
)

// The issuer that `wsticket dev` plays.
const (
	devIssuer   = "https://dev.wsticket.invalid"
	devAudience = "wsticket-dev"
	// devCookie holds the bearer for the door cookie.
	devCookie = "wsticket-dev"
)

type devCmd struct {
	Public   string        `default:"localhost:8080" placeholder:"ADDR" help:"Public listener; loopback only. Port 0 picks a free one (default: localhost:8080)."`
	Internal string        `default:"localhost:8081" placeholder:"ADDR" help:"Internal listener; loopback only (default: localhost:8081)."`
	Sub      string        `default:"demo" placeholder:"NAME" help:"Subject of the bearer (default: demo)."`
	TTL      time.Duration `name:"ttl" default:"8h" help:"Lifetime of the bearer, at most 24h (default: 8h)."`
	Origin   []string      `placeholder:"URL" help:"Origin of a page of yours that may connect, such as http://localhost:5173. May be repeated."`
	Upstream string        `placeholder:"URL" help:"Application to relay to, such as http://localhost:9000. Default: an echo application answers."`
	Database string        `default:"sqlite:" placeholder:"URL" help:"Database of the audit trail, such as sqlite:trail.db (default: sqlite:, which is in memory)."`
	Set      []string      `sep:"none" placeholder:"KEY=VALUE" help:"Sets any key of the configuration, such as ticket.ttl=60s. May be repeated."`
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
	opsKey := rand.Text()
	cfg, err := c.config(keyFile, opsKey)
	if err != nil {
		return err
	}
	return c.serve(ctx, w, cfg, key, opsKey)
}

// serve serves with these settings until ctx ends.
func (c *devCmd) serve(ctx context.Context, w world, cfg config.Config, key crypto.Signer, opsKey string) error {
	bearer, err := devBearer(key, c.Sub, c.TTL)
	if err != nil {
		return err
	}
	sockets, err := service.Listen(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%w (port 0 picks a free one, for example --public localhost:0)", err)
	}
	defer sockets.Close()
	// A page that this server would serve has an origin with its port.
	port := portOf(sockets.Public())
	cfg.Origins = slices.Concat([]string{"http://localhost:" + port, "http://127.0.0.1:" + port, "http://[::1]:" + port}, c.Origin, cfg.Origins)
	refused, log := &refusals{out: w.Stderr}, new(trial.Log)
	var s *service.Service // which the page asks only when it serves
	page := trial.New(trial.Options{
		TTL: c.TTL, Cookie: cfg.Session.Cookie, Log: log, Stopping: ctx.Done(),
		Sign: func(name string, ttl time.Duration) (string, error) { return devBearer(key, name, ttl) },
		Revoke: func(ctx context.Context, name string, before time.Time) error {
			return s.Revoke(ctx, devRevocation(name, before))
		},
		Address: sockets.Public().String(), Path: devPath(cfg.WS), Parameter: cfg.WS.TicketParameter, Doors: cfg.OpenDoors(), AcceptThenClose: cfg.WS.AcceptThenClose,
	})
	s, err = service.New(cfg, service.Options{
		Build: buildinfo.Read(), Log: io.MultiWriter(w.Stderr, log), Events: refused.take, Home: page.Home(), Trial: page.Routes(),
	})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Open(ctx, 0); err != nil {
		return err
	}
	if err := c.welcome(w.Stdout, sockets, bearer, opsKey, cfg.WS); err != nil {
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
	for flag, addr := range map[string]string{"--public": c.Public, "--internal": c.Internal} {
		err := config.CheckListen(addr)
		check(err == nil, "%s: %w", flag, err)
		check(err != nil || service.IsLoopback(addr), "%s: must be a loopback address, such as localhost:8080 (got %q); use serve for others", flag, addr)
	}
	check(!slices.ContainsFunc(c.Set, setsListener), "--set: the addresses to listen on are set by --public and --internal")
	check(c.Sub != "", "--sub: must not be empty")
	check(c.TTL > 0 && c.TTL <= auth.DefaultMaxLifetime, "--ttl: must be more than 0s and at most 24h (got %s)", c.TTL)
	return errors.Join(faults...)
}

// setsListener reports whether a setting is an address to listen on, which may
// be that of every network.
func setsListener(setting string) bool {
	key, _, _ := strings.Cut(setting, "=")
	return strings.HasSuffix(key, ".listen")
}

// config returns the settings of serve with what a trial needs, and those of the
// flags over them. opsKey is an API key with every scope.
func (c *devCmd) config(keyFile, opsKey string) (config.Config, error) {
	cfg := config.Default()
	cfg.Public.Listen, cfg.Internal.Listen = c.Public, c.Internal
	cfg.Public.Hosts = config.LoopbackNames()
	cfg.WS.Doors, cfg.WS.Upstream = config.AllDoors(), c.Upstream
	cfg.Session = config.Session{Cookie: devCookie, JWT: true} // the door cookie needs one
	// There is one caller, and it may be wsticket-bench.
	cfg.Limits.PerSubject, cfg.Limits.PerAddress = limit.Rate{}, limit.Rate{}
	cfg.Public.MaxPerAddress = math.MaxInt32
	cfg.Database = config.Database{URL: config.NewSecret(c.Database), Migrate: true}
	if c.Database == "sqlite:" {
		cfg.Audit.Retention = time.Hour // it takes memory
	}
	cfg.Log.Format = "text"
	cfg, err := cfg.With(c.Set)
	if len(cfg.Issuers) > 0 { // the application has to tell their users from those of the one below
		cfg.Identity.Headers = cfg.Identity.Headers.WithIssuer()
	}
	cfg.Issuers = append(cfg.Issuers, config.Issuer{
		Issuer: devIssuer, Audience: []string{devAudience}, Algorithms: []string{"ES256"}, PublicKeyFile: keyFile,
	})
	digest := sha256.Sum256([]byte(opsKey))
	cfg.Internal.APIKeys = append(cfg.Internal.APIKeys, config.APIKey{Name: "dev", SHA256: hex.EncodeToString(digest[:]), Scopes: auth.Scopes()})
	return cfg, err
}

// devPath returns a path of the WebSocket: the first one, with a word in place of
// each template. Without any, the service is refused.
func devPath(ws config.WS) string {
	path := slices.Concat(ws.Paths, []string{api.DefaultWSPath})[0]
	return strings.NewReplacer("{", "", "}", "").Replace(path)
}

// devBearer signs a bearer of the issuer that dev plays.
func devBearer(key crypto.Signer, subject string, ttl time.Duration) (string, error) {
	bearer, err := devidp.Bearer{
		Issuer: devIssuer, Subject: subject, Audience: []string{devAudience}, TTL: ttl, Type: "at+jwt",
	}.Sign(key, time.Now())
	if err != nil {
		return "", fmt.Errorf("dev: %w", err)
	}
	return bearer, nil
}

// devRevocation ends everything of a user of the issuer that dev plays.
func devRevocation(subject string, before time.Time) ticket.Revocation {
	return ticket.Revocation{
		Selector: ticket.Selector{Issuer: devIssuer, Subject: subject}, Before: before,
		Action: ticket.RevokeEnd, Source: "demo", Reason: "signed out everywhere",
	}
}

func portOf(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return port
}

// trailLine returns how to read the audit trail. That of a file can be read by another
// process, and when this one has ended.
func (c *devCmd) trailLine() string {
	switch c.Database {
	case "sqlite:":
		return "in memory: look at a ticket at /ops, or start with --database sqlite:trail.db"
	case "sqlite:trail.db": // which is where audit looks by itself
		return "wsticket audit search --sub " + c.Sub
	default:
		return "wsticket audit search --sub " + c.Sub + " --database " + maskurl.Hide(c.Database)
	}
}

// welcome prints the start line and below it what to do next. It prints the
// bearer and the API key on purpose: they are valid on this machine only, until
// this process ends.
func (c *devCmd) welcome(out io.Writer, l *service.Listeners, bearer, opsKey string, ws config.WS) error {
	if err := l.Announce(out); err != nil {
		return err
	}
	text, err := template.New("welcome").Parse(welcomeText)
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	return errors.Join(text.Execute(out, map[string]string{
		"Base": "http://localhost:" + portOf(l.Public()), "Internal": "http://localhost:" + portOf(l.Internal()),
		"Socket": "ws://localhost:" + portOf(l.Public()), "Bearer": bearer, "Sub": c.Sub, "Key": opsKey,
		"Query": devPath(ws) + "?" + ws.TicketParameter + "=$TICKET", "Trail": c.trailLine(),
	}))
}

// The second line makes the handshake with curl, which is installed nearly
// everywhere, unlike a WebSocket client. Its key is a new one each time.
const welcomeText = `
wsticket is ready, on this machine only. Open this page, which shows it step by step:

{{.Base}}/

Without a browser, paste these two lines into another terminal:

TICKET=$(curl -sS -X POST {{.Base}}/ws-ticket -H 'Authorization: Bearer {{.Bearer}}' | grep -o 'wst1_[0-9A-Za-z_-]*' | head -n 1)
curl -sSiN --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H "Sec-WebSocket-Key: $(head -c 16 /dev/urandom | base64)" "{{.Base}}{{.Query}}"

The first gets a ticket for {{.Sub}}, the second connects with it and prints a greeting. Stop it with Ctrl-C
and paste the second line again: the ticket is spent, and the answer is the same as for an unknown ticket.

A page of another origin:  start with --origin http://localhost:5173 (its scheme, name and port). This terminal
                           says why a request was refused, and which flag would change it.
To type messages instead:  npx wscat -c "{{.Socket}}{{.Query}}"   (after a new first line)
The operator's page:       {{.Internal}}/ops   (charts, connections; its API key: {{.Key}})
What happened:             {{.Trail}}
Health, metrics, API:      {{.Internal}}/readyz  {{.Internal}}/metrics  {{.Internal}}/openapi.yaml
Ctrl-C here stops wsticket. The bearer and the key are worthless then.

`
