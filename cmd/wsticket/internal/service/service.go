// Package service builds a service out of settings and runs it. It is the only
// package that knows every other one.
package service

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"wsticket/api"
	"wsticket/audit"
	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/metrics"
	"wsticket/cmd/wsticket/internal/timeline"
	"wsticket/gate"
	"wsticket/identity"
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
	tls        certificates
	store      backend
	database   audit.Store  // nil without database.url
	trail      *audit.Trail // likewise
	places     places
	webhook    *webhook.Hook // nil without webhook.url
	outages    *storeWatch   // nil for a store in this process
	sealKeys   [][]byte      // none: each part draws its own
	subjects   subjects
	verifier   *auth.Verifier
	sessions   *auth.Sessions // nil without session.lookup_url
	keys       *auth.Keyring
	forwarder  *identity.Forwarder
	tickets    *ticket.Service
	gate       *gate.Gate
	live       *live.Registry
	feeds      *live.Feeds
	sockets    *ws.Handler
	api        *api.Server
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
		timeline: timeline.New(time.Now()),
		log:      log, logEvent: ticket.LogSink(log), logProbe: ticket.LogSink(slog.New(lowered{log.Handler()})),
	}
	if s.home == nil {
		s.home = http.HandlerFunc(s.about)
	}
	if err := config.ByKey(errors.Join(cfg.Validate(), s.build())); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// build builds the parts, each from those before it. If a part could not be
// built, it is missing in later ones. The faults that this causes have no key
// and are not reported.
func (s *Service) build() error {
	return errors.Join(
		s.buildTLS(), s.buildWebhook(), s.buildStore(), s.buildDatabase(), s.buildAudit(), s.buildPlaces(), s.buildAuth(), s.buildIdentity(), s.buildSealKeys(), s.buildLive(),
		s.buildTickets(), s.buildGate(), s.buildSockets(), s.buildAPI(),
	)
}

// Close frees what New has opened.
func (s *Service) Close() {
	if s.sessions != nil {
		s.sessions.Close()
	}
	if s.verifier != nil {
		s.verifier.Close()
	}
	if s.store != nil {
		_ = s.store.Close()
	}
	if s.database != nil {
		_ = s.database.Close()
	}
}
