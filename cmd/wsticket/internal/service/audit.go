package service

import (
	"context"
	"slices"

	"wsticket/api"
	"wsticket/audit"
	"wsticket/internal/accesslog"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// buildAudit makes the trail, if there is a database.
func (s *Service) buildAudit() error {
	if s.database == nil {
		return nil
	}
	options := audit.Options{
		Store: s.database, Queue: s.cfg.Audit.Queue, WhenFull: audit.WhenFull(s.cfg.Audit.WhenFull),
		Retention: s.cfg.Audit.Retention, Logger: s.log,
	}
	if redis, ok := s.store.(*redisstore.Store); ok {
		options.Fence = redis.Fence
	}
	var err error
	s.trail, err = audit.New(options)
	return err
}

// keeper returns what stores admissions before they are answered, nil unless
// audit.required is on.
func (s *Service) keeper() ticket.Keeper {
	if s.trail == nil || !s.cfg.Audit.Required {
		return nil
	}
	return s.trail
}

// keepTrail writes the trail until stop is called, which is when nothing happens any more.
func (s *Service) keepTrail(ctx context.Context) (stop func()) {
	if s.trail == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		s.trail.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// keep passes an event to the trail. A request that was refused is one, too, if no other
// event tells of it.
func (s *Service) keep(ctx context.Context, e *ticket.Event) {
	if s.trail == nil {
		return
	}
	switch e.Kind {
	case ticket.EventRefuse, ticket.EventReplay, ticket.EventFence, ticket.EventLimit:
		accesslog.NoteOf(ctx).Told = true
	case ticket.EventRequest:
		if e.Outcome == "refused" && !slices.Contains(notRefused, e.Reason) && !accesslog.NoteOf(ctx).Told {
			refusal := *e
			refusal.Kind = ticket.EventRefuse
			s.trail.Record(&refusal)
		}
		return
	default:
	}
	s.trail.Record(e)
}

// notRefused are the reasons of requests that ask for nothing that there is, as scanners
// do all day.
var notRefused = []string{"no_route", "method_not_allowed"}

// databaseDependency returns how the database is: whether it takes what is written.
func (s *Service) databaseDependency() api.Dependency {
	d := api.Dependency{Name: s.databaseHost(), Kind: "database", State: api.DependencyOK}
	stats := s.trail.Stats()
	switch {
	case !stats.FailingSince.IsZero():
		d.State, d.Since, d.Cause = api.DependencyFailing, stats.FailingSince, stats.Cause
	case stats.Batches == 0:
		d.State = api.DependencyUnknown
	}
	return d
}
