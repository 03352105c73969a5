package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"wsticket/api"
	"wsticket/auth"
	"wsticket/internal/accesslog"
	"wsticket/internal/limit"
	"wsticket/store/redisstore"
	"wsticket/ticket"
	"wsticket/ws"
)

// limitKeys bounds how many callers a limiter remembers.
const limitKeys = 100_000

// gcHeadroom is how many bytes of garbage there may be beside as many as are in
// use before it is collected. The few MiB that are in use with Redis would
// otherwise be searched a hundred times a second, which is a fifth of the work
// of a busy server. It is a block that nobody touches: it takes addresses and no
// memory.
const gcHeadroom = 8 << 20

type serveCmd struct {
	configFlags

	Wait time.Duration `placeholder:"TIME" help:"How long to wait for the store at start, such as 30s. Without it an absent store ends the start at once."`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, w world) error {
	cfg, err := c.load(w)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(make([]byte, gcHeadroom))
	log := newLogger(cfg.Log, w.Stderr)
	a, err := newApp(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.awaitStore(ctx, c.Wait); err != nil {
		return err
	}
	if err := a.checkStore(ctx); err != nil {
		return err
	}
	sockets, err := bind(ctx, cfg)
	if err != nil {
		return err
	}
	defer sockets.close()
	if err := sockets.secure(cfg); err != nil {
		return err
	}
	if err := sockets.announce(w.Stdout); err != nil {
		return fmt.Errorf("start line: %w", err)
	}
	return a.serve(ctx, sockets)
}

// app is the service put together. It is the only place that knows every
// room.
type app struct {
	cfg       Config
	log       *slog.Logger
	metrics   *metrics
	store     backend
	verifier  *auth.Verifier
	sessions  *auth.Sessions // nil without session.cookie
	forwarder *auth.Forwarder
	sockets   *ws.Handler
	api       *api.Server
	draining  atomic.Bool
}

// newApp builds the service from its configuration. Whoever calls it calls
// close.
func newApp(ctx context.Context, cfg Config, log *slog.Logger) (*app, error) {
	a := &app{cfg: cfg, log: log, metrics: newMetrics(cfg.WS.Path)}
	if err := a.build(ctx); err != nil {
		a.close()
		return nil, err
	}
	a.warn()
	return a, nil
}

func (a *app) build(ctx context.Context) error {
	var err error
	if a.store, err = openStore(a.cfg, a.log); err != nil {
		return byKey(err)
	}
	if err := a.buildAuth(ctx); err != nil {
		return byKey(err)
	}
	if redis, ok := a.store.(*redisstore.Store); ok {
		a.metrics.registry.MustRegister(newPoolCollector(redis))
	}
	sealKeys, err := readSealKeys(a.cfg.Ticket.SealKeyFile)
	if err != nil {
		return err
	}
	service, err := ticket.New(ticket.Options{
		Store: a.store, TTL: a.cfg.Ticket.TTL, Audiences: a.cfg.Ticket.Audiences,
		SealKeys: sealKeys, RetryWindow: a.cfg.Ticket.RetryWindow, Observe: a.observe,
	})
	if err != nil {
		return err
	}
	shared, err := newShared(a.cfg)
	if err != nil {
		return err
	}
	if a.sockets, err = ws.New(a.socketOptions(service, shared)); err != nil {
		return err
	}
	a.metrics.registry.MustRegister(newSocketCollector(a.sockets.Stats))
	options := a.apiOptions(service, shared)
	if err := a.addChecks(&options, service); err != nil {
		return err
	}
	a.api, err = api.New(options)
	return err
}

func (a *app) socketOptions(r ws.Redeemer, s shared) ws.Options {
	cfg := a.cfg.WS
	options := ws.Options{
		Redeemer: r, Authenticator: a.verifier, Identity: a.forwarder, TrustedProxies: s.proxies,
		Upstream: cfg.Upstream, Ping: cfg.Ping, IdleTimeout: cfg.IdleTimeout,
		Doors: a.cfg.openDoors(), Origins: a.cfg.Origins, AllowMissingOrigin: cfg.AllowMissingOrigin,
		Audience: a.cfg.Ticket.Audiences[0], TicketParameter: cfg.TicketParameter,
		MaxMessage: int64(cfg.MaxMessage), AddressLimit: s.addresses,
		AuthTimeout: cfg.AuthTimeout, AcceptThenClose: cfg.AcceptThenClose,
		Unauthenticated: a.cfg.Limits.Unauthenticated, UnauthenticatedPerAddress: a.cfg.Limits.UnauthenticatedAddr,
		Logger: a.log, Observe: a.metrics.handshake,
		DrainWindow:   orNone(cfg.DrainWindow),
		SessionCookie: a.cfg.Session.Cookie,
		// The router in front has compared the Host.
	}
	if a.sessions != nil {
		options.Sessions = a.sessions
	}
	if cfg.Upstream == "" {
		options.Endpoint = ws.Echo
	}
	return options
}

// orNone turns the zero of the configuration, which means none, into what an
// Options struct takes for it: there, zero means the default.
func orNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// tickets is what the HTTP surface asks of the ticket service.
type tickets interface {
	api.Issuer
	api.Receipts
}

func (a *app) apiOptions(t tickets, s shared) api.Options {
	o := api.Options{
		Issuer: t, Receipts: t, Authenticator: a.verifier,
		Origins: s.origins, Hosts: s.hosts, PublicURL: s.publicURL, TrustedProxies: s.proxies,
		WSPath: a.cfg.WS.Path, TicketParameter: a.cfg.WS.TicketParameter, WebSocket: a.sockets,
		SubjectLimit: limit.New(a.cfg.Limits.PerSubject, limitKeys, nil), AddressLimit: s.addresses,
		KeySet: a.forwarder.KeySet(), Ready: a.ready, Metrics: a.metrics.handler(), Logger: a.log,
		Sink: func(ctx context.Context, e accesslog.Entry) {
			logAccess(ctx, a.log, e)
			a.metrics.request(e)
		},
	}
	if a.sessions != nil {
		o.Sessions, o.SessionCookie = a.sessions, a.cfg.Session.Cookie
	}
	return o
}

// observe counts what the ticket service did, and reports replays: somebody
// has shown a ticket that was spent by another attempt.
func (a *app) observe(ctx context.Context, e ticket.Event) {
	a.metrics.observe(e)
	if outage, ok := errors.AsType[*redisstore.OutageError](e.Err); ok {
		a.metrics.outages.WithLabelValues(string(outage.Kind())).Inc()
	}
	spent, ok := errors.AsType[*ticket.SpentError](e.Err)
	if !ok || e.Action != ticket.ActionRedeem {
		return
	}
	a.log.LogAttrs(ctx, slog.LevelWarn, "replay", slog.String("ticket_id", string(e.ID)),
		slog.String("state", string(spent.Mark.State)), slog.Time("spent_at", spent.Mark.At),
		slog.String("spent_by_attempt", spent.Mark.Attempt), slog.String("attempt", e.Presentation.Attempt),
		slog.String("door", e.Presentation.Transport), slog.String("client_ip", e.Presentation.ClientIP.String()))
}

// ready fails while the service stops, and where the store or an issuer's
// keys are away.
func (a *app) ready(ctx context.Context) error {
	if a.draining.Load() {
		return errors.New("stopping")
	}
	return errors.Join(a.store.Ping(ctx), a.verifier.Ready(ctx))
}

// serve answers until ctx ends.
func (a *app) serve(ctx context.Context, l *listeners) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(ctx, func() { a.draining.Store(true) })
	a.log.Info("serving", "version", version, "public", l.public.Addr().String(), "internal", l.internal.Addr().String())
	var watching sync.WaitGroup
	watching.Go(func() { a.watchStore(ctx) })
	err := l.serveUntil(ctx, newServer(a.api.Public(), a.log), newInternalServer(a.api.Internal(), a.log), drain{a.cfg.WS.DrainWindow, a.sockets.Shutdown})
	stop()
	watching.Wait()
	a.log.Info("stopped")
	return err
}

// close frees what newApp has opened; parts that it did not reach are nil.
func (a *app) close() {
	if a.sessions != nil {
		a.sessions.Close()
	}
	if a.verifier != nil {
		a.verifier.Close()
	}
	if a.store != nil {
		_ = a.store.Close()
	}
}

// warn says at start what an operator may not expect.
func (a *app) warn() {
	if len(a.cfg.Public.Hosts) == 0 && a.cfg.Public.URL == "" {
		a.log.Warn("neither public.hosts nor public.url is set: only loopback names are answered")
	}
	for _, issuer := range a.cfg.Issuers {
		if issuer.Insecure {
			a.log.Warn("insecure_allow_private_network is on: keys may come over http and from private addresses", "issuer", issuer.Issuer)
		}
	}
	if !isLoopback(a.cfg.Internal.Listen) {
		a.log.Warn("the internal listener is not on loopback: keep it off public networks", "listen", a.cfg.Internal.Listen)
	}
}
