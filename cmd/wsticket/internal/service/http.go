package service

import (
	"context"
	"errors"
	"slices"

	"wsticket/api"
	"wsticket/gate"
	"wsticket/internal/limit"
	"wsticket/ticket"
)

// buildGate builds the gate.
func (s *Service) buildGate() error {
	options := gate.Options{
		Doors: s.cfg.OpenDoors(), TicketParameter: s.cfg.WS.TicketParameter,
		Origins: s.cfg.Origins, AllowMissingOrigin: s.cfg.WS.AllowMissingOrigin, Hosts: s.cfg.Public.AllowedHosts(),
		TrustedProxies: s.cfg.Public.Prefixes(), AddressLimit: limiter(s.cfg.Limits.PerAddress), Events: s.events, Logger: s.log,
	}
	if s.tickets != nil {
		options.Redeemer = s.tickets
	}
	if s.verifier != nil {
		options.Authenticator = s.verifier
	}
	if sessions := s.sessionVerifier(); sessions != nil {
		options.Sessions, options.SessionCookie = sessions, s.cfg.Session.Cookie
	} else if s.cfg.Session.Cookie != "" {
		// Sessions have a fault, which is reported.
		options.Doors = slices.DeleteFunc(options.Doors, func(d ticket.Door) bool { return d == ticket.DoorCookie })
	}
	var err error
	if s.gate, err = gate.New(options); err == nil {
		s.metrics.Gate(s.gate.Stats)
	}
	return err
}

func limiter(r limit.Rate) *gate.RateLimiter { return gate.NewRateLimiter(r.Events, r.Per) }

// buildAPI builds the HTTP routers.
func (s *Service) buildAPI() error {
	var err error
	s.api, err = api.New(s.apiOptions())
	return err
}

func (s *Service) apiOptions() api.Options {
	options := api.Options{
		TicketOptions: api.TicketOptions{
			Gate: s.gate, PublicURL: s.cfg.Public.URL, WSPath: s.cfg.WS.Path,
			SubjectLimit: limiter(s.cfg.Limits.PerSubject), Events: s.events, Logger: s.log,
		},
		WebSocket: s.sockets, Keys: s.keys, Audiences: s.cfg.Ticket.Audiences,
		KeyLimit: limiter(s.cfg.Limits.PerAddress), GuardMetrics: s.cfg.Internal.TLS.ClientCAFile != "",
		Ready: s.ready, Metrics: s.metrics.Handler(),
	}
	if s.tickets != nil {
		options.Issuer, options.Receipts, options.Introspector = s.tickets, s.tickets, s.tickets
	}
	if s.forwarder != nil {
		options.Identifier, options.KeySet = s.forwarder, s.forwarder.KeySet()
	}
	return options
}

// ready returns an error while the service stops, and if the store or the keys
// of an issuer are unavailable.
func (s *Service) ready(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("stopping")
	}
	return errors.Join(s.store.Ping(ctx), s.verifier.Ready(ctx))
}

// events passes an event to the metrics and the log.
func (s *Service) events(ctx context.Context, e ticket.Event) {
	s.metrics.Record(&e)
	logEvent(ctx, s.log, &e)
}
