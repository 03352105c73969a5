package service

import (
	"context"
	"slices"

	"wsticket/api"
	"wsticket/gate"
	"wsticket/ticket"
	"wsticket/web"
)

// buildGate builds the gate.
func (s *generation) buildGate() error {
	options := gate.Options{
		Doors: s.cfg.OpenDoors(), TicketParameter: s.cfg.WS.TicketParameter,
		Origins: s.cfg.Origins, AllowMissingOrigin: s.cfg.WS.AllowMissingOrigin, Hosts: s.cfg.Public.AllowedHosts(),
		Audiences:      s.cfg.Ticket.AudienceOptions(),
		TrustedProxies: s.cfg.Public.Prefixes(), ForwardAuthPeers: s.cfg.AuthPeers(), AddressLimit: s.rates.address,
		HandshakeLimit: s.rates.handshakes, Keeper: s.keeper(), Events: s.events, Logger: s.log,
	}
	if s.telemetry != nil {
		options.Sample = s.telemetry.Sample
	}
	if s.tickets != nil {
		options.Redeemer = s.tickets
	}
	if s.live != nil {
		options.Revocations = s.live
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
	s.gate, err = gate.New(options)
	return err
}

// buildAPI builds the HTTP routers.
func (s *generation) buildAPI() error {
	s.replaced = make(chan struct{})
	var err error
	s.api, err = api.New(s.apiOptions())
	return err
}

func (s *generation) apiOptions() api.Options {
	options := api.Options{
		TicketOptions: api.TicketOptions{
			Gate: s.gate, PublicURL: s.cfg.Public.URL, WSPaths: s.cfg.WS.Paths,
			CORSHeaders: s.cfg.Public.CORSHeaders, SubjectLimit: s.rates.subject, Events: s.events, Logger: s.log,
		},
		WebSocket: s.sockets, Keys: s.keys, Replaced: s.replaced,
		KeyLimit: s.rates.keys, GuardMetrics: s.cfg.Internal.TLS.ClientCAFile != "",
		ClientNames: s.cfg.Internal.TLS.ClientNames,
		Started:     s.hasStarted, Ready: s.ready, Dependencies: s.dependencies, Metrics: s.metrics.Handler(), Home: s.home, Trial: s.trial,
		Ops: web.Ops(), Timelines: s.timeline,
	}
	if s.database != nil {
		reader := auditReader{s.database}
		options.Trail, options.Timelines = reader, timelines{trail: reader, process: s.timeline, log: s.log}
	}
	if s.live != nil {
		options.Revoker = s.live
	}
	if s.live != nil && s.verifier != nil && s.store != nil && s.cfg.TakesLogouts() {
		options.Logouts, options.Once = s.verifier, s.store
	}
	if s.live != nil && s.verifier != nil && s.store != nil && s.cfg.TakesEvents() {
		options.SecurityEvents, options.Once = s.verifier, s.store
	}
	if s.tickets != nil {
		options.Issuer, options.Receipts, options.Introspector = s.tickets, s.tickets, s.tickets
	}
	if s.live != nil {
		options.Renewer = s.live
		options.Feeds = s.feeds
		options.Connections, options.Drain = s.live, s.drainOnRequest
	}
	if s.forwarder != nil {
		options.Identifier, options.KeySet = s.forwarder, s.forwarder.KeySet()
	}
	return options
}

// dependencies returns how everything is that the service needs of others.
func (s *Service) dependencies() []api.Dependency {
	all := []api.Dependency{s.storeDependency()}
	if s.trail != nil {
		all = append(all, s.databaseDependency())
	}
	for _, keys := range s.current().verifier.KeyStates() {
		d := api.Dependency{Name: keys.Issuer, Kind: "keys", State: api.DependencyOK, Since: keys.Since}
		if keys.Err != nil {
			d.State, d.Cause = api.DependencyFailing, keys.Err.Error()
		}
		all = append(all, d)
	}
	return all
}

func (s *Service) storeDependency() api.Dependency {
	d := api.Dependency{Name: s.storeHost(), Kind: "store", State: api.DependencyOK}
	if s.outages == nil {
		return d
	}
	state := s.outages.current()
	switch d.Since, d.Cause = state.since, state.cause; {
	case state.since.IsZero():
		d.State = api.DependencyUnknown
	case state.cause != "":
		d.State = api.DependencyFailing
	}
	return d
}

// events passes an event to the metrics, the watch over the store, the webhook, the trail and
// the log.
func (s *Service) events(ctx context.Context, e ticket.Event) {
	s.metrics.Record(&e)
	s.timeline.Record(&e)
	s.outages.note(storeErr(&e))
	if s.live != nil {
		s.live.NoteReplay(ctx, e)
	}
	s.post(&e)
	s.keep(ctx, &e)
	if s.telemetry != nil && !isProbe(&e) {
		s.telemetry.Record(ctx, &e)
	}
	e.Attrs = s.current().subjects.add(e.Attrs, e.Identity)
	log := s.logEvent
	if isProbe(&e) {
		log = s.logProbe
	}
	log(ctx, e)
	s.more.Emit(ctx, e)
}
