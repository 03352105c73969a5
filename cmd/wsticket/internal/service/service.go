// Package service builds a service out of settings and runs it. It is the only
// package that knows every other one.
package service

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"wsticket/api"
	"wsticket/audit"
	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/metrics"
	"wsticket/cmd/wsticket/internal/telemetry"
	"wsticket/cmd/wsticket/internal/timeline"
	"wsticket/gate"
	"wsticket/internal/buildinfo"
	"wsticket/internal/sdnotify"
	"wsticket/internal/webhook"
	"wsticket/live"
	"wsticket/ticket"
	"wsticket/ws"
)

// Options are what a Service needs in addition to its settings.
type Options struct {
	// Build is that of the program, for the log and the metrics.
	Build buildinfo.Info
	// Log is where log lines go. Required.
	Log io.Writer
	// ConfigFile is the file that the settings are from, for warnings. It may be
	// empty.
	ConfigFile string
	// Events gets every event, after the metrics and the log. It may be nil.
	Events ticket.Sink
	// Home serves GET /. Default: a few words about what this is.
	Home http.Handler
	// Load reads the settings again, for a reload. It passes what it has read to check,
	// also where some of it could not be read, and returns an error that lists every
	// fault. Nil: there are no reloads.
	Load func(check func(config.Config) error) (config.Config, error)
	// Reload is a request for a reload, such as SIGHUP. Nil: there are none.
	Reload <-chan os.Signal
	// Trial are further endpoints of the public listener. Default: none.
	Trial []api.Route
}

// Service is a service that has been put together. Its methods are for one
// goroutine.
type Service struct {
	cfg  config.Config
	info buildinfo.Info
	// configFile is Options.ConfigFile.
	configFile string
	more       ticket.Sink // Options.Events
	home       http.Handler
	trial      []api.Route // Options.Trial
	log        *slog.Logger
	logEvent   ticket.Sink
	logProbe   ticket.Sink // at the debug level
	metrics    *metrics.Metrics
	timeline   *timeline.Log
	store      backend
	database   audit.Store  // nil without database.url
	trail      *audit.Trail // likewise
	places     places
	webhook    *webhook.Hook       // nil without webhook.url
	telemetry  *telemetry.Exporter // nil without telemetry.otlp_endpoint
	outages    *storeWatch         // nil for a store in this process
	ownSealKey []byte              // where no file has keys
	rates      rates
	sessions   *auth.Sessions // nil without session.lookup_url
	live       *live.Registry
	feeds      *live.Feeds
	sockets    *ws.Handler
	now        atomic.Pointer[generation]
	reloads    reloads
	started    atomic.Bool
	draining   atomic.Bool
	stopping   chan struct{}    // closed when Serve stops
	systemd    *sdnotify.Socket // nil without systemd
	watchdog   time.Duration
}

// New builds a service from settings, or returns an error that lists every
// fault of them and of the files that they name, each by its key. It opens no
// socket. The caller closes the service.
func New(cfg config.Config, o Options) (*Service, error) {
	log := newLogger(cfg.Log, o.Log)
	s := &Service{
		cfg: cfg, info: o.Build, stopping: make(chan struct{}), configFile: o.ConfigFile, more: o.Events, home: o.Home, trial: o.Trial, metrics: metrics.New(o.Build, cfg.WS.Paths),
		timeline: timeline.New(time.Now()), rates: newRates(cfg.Limits), ownSealKey: make([]byte, ticket.SealKeyLen),
		log: log, logEvent: ticket.LogSink(log), logProbe: ticket.LogSink(slog.New(lowered{log.Handler()})),
	}
	_, _ = rand.Read(s.ownSealKey) // never fails
	if s.home == nil {
		s.home = http.HandlerFunc(s.about)
	}
	s.reloads = newReloads(o, cfg)
	first := &generation{Service: s, cfg: cfg}
	s.now.Store(first)
	if err := config.ByKey(errors.Join(cfg.Validate(), first.buildAll())); err != nil {
		s.Close()
		return nil, err
	}
	s.register()
	return s, nil
}

// current returns the parts that are in use.
func (s *Service) current() *generation { return s.now.Load() }

// buildAll builds all parts, each from those before it. If a part could not be
// built, it is missing in later ones. The faults that this causes have no key
// and are not reported.
func (s *generation) buildAll() error {
	return errors.Join(
		s.buildTLS(), s.buildWebhook(), s.buildTelemetry(), s.buildStore(), s.buildDatabase(), s.buildAudit(), s.buildPlaces(), s.buildAuth(), s.buildSessions(), s.buildIdentity(), s.buildSealKeys(), s.buildLive(),
		s.buildTickets(), s.buildGate(), s.buildSockets(), s.buildAPI(),
	)
}

// register adds what the parts count to the metrics.
func (s *Service) register() {
	s.metrics.Bearers(func() auth.Stats { return s.current().verifier.Stats() })
	if s.sessions != nil {
		s.metrics.Sessions(s.sessions.Stats)
	}
	s.metrics.Gate(func() gate.Stats { return s.current().gate.Stats() })
	s.metrics.Revocations(s.live.RevocationStats)
	s.metrics.Places(s.live.PlaceStats)
	s.metrics.Feeds(s.feeds.Stats)
	s.metrics.Sockets(s.sockets.Stats, s.live.Stats)
	s.metrics.Reloads(s.reloadStats)
	if s.trail != nil {
		s.metrics.Audit(s.trail.Stats)
	}
}

// Close frees what New has opened.
func (s *Service) Close() {
	if s.sessions != nil {
		s.sessions.Close()
	}
	if verifier := s.current().verifier; verifier != nil {
		verifier.Close()
	}
	if s.store != nil {
		_ = s.store.Close()
	}
	if s.database != nil {
		_ = s.database.Close()
	}
}
