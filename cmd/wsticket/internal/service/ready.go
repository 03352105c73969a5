package service

import (
	"context"
	"errors"
	"slices"

	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/ticket"
)

// What a probe says if it fails.
var (
	errDraining = ticket.WithDetail(errors.New("draining"), "draining")
	errNoKeys   = ticket.WithDetail(errors.New("no keys"), "starting: no issuer's keys are there yet")
)

// hasStarted returns an error until an issuer has keys, if there are issuers. Open
// has waited for the store. One issuer is enough, so that a service can start
// while another one of its issuers is down.
func (s *Service) hasStarted(context.Context) error {
	issuers := s.current().verifier.KeyStates()
	if s.started.Load() || len(issuers) == 0 || slices.ContainsFunc(issuers, func(k auth.KeyState) bool { return k.Keys > 0 }) {
		s.started.Store(true) // a reload does not change that
		return nil
	}
	return errNoKeys
}

// ready returns an error while the service stops, and while it lacks something
// that health.ready_requires names.
func (s *Service) ready(ctx context.Context) error {
	if s.draining.Load() {
		return errDraining
	}
	for _, name := range s.cfg.Health.ReadyRequires {
		if err := s.requires(ctx, name); err != nil {
			return ticket.WithDetail(err, "health.ready_requires: "+name)
		}
	}
	return nil
}

func (s *Service) requires(ctx context.Context, name string) error {
	switch name {
	case config.RequireStore:
		return s.store.Ping(ctx)
	case config.RequireDatabase:
		return s.database.Ping(ctx)
	default:
		return s.current().verifier.Ready(ctx)
	}
}
