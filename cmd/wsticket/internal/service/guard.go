package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/live"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// buildLive makes the registry of open connections, and of what is revoked.
func (s *Service) buildLive() error {
	options := live.Options{
		DrainWindow: orNone(s.cfg.WS.DrainWindow), ExpiryNotice: s.cfg.WS.ExpiryNotice, Issuers: s.revocableIssuers(), MaxStale: s.cfg.Guard.MaxStale,
		Audiences: s.cfg.Ticket.AudienceOptions(), EndReplayed: s.cfg.Ticket.OnReplay == config.ReplayEnd,
		MaxPerSubject: s.cfg.WS.MaxPerSubject, ReplaceOldest: s.cfg.WS.OverLimit == config.OverLimitReplace,
		Events: s.events, Logger: s.log,
	}
	if s.sessions != nil {
		options.Sessions, options.Recheck = s.sessions, s.cfg.Session.Recheck
	}
	if stream, ok := s.store.(ticket.Stream); ok && s.cfg.Store.Shared() && len(s.sealKeys) > 0 {
		options.Stream, options.SealKeys = stream, s.sealKeys
	}
	if redis, ok := s.store.(*redisstore.Store); ok && len(s.sealKeys) > 0 { // without keys the settings have a fault
		options.Peers, options.Leases = redis.Peers(), redis.Leases()
	}
	if s.database != nil {
		options.Durable = s.database
	}
	var err error
	if s.live, err = live.New(options); err != nil {
		return err
	}
	s.metrics.Revocations(s.live.RevocationStats)
	s.metrics.Places(s.live.PlaceStats)
	feeds := live.FeedOptions{SealKeys: s.sealKeys}
	if redis, ok := s.store.(*redisstore.Store); ok {
		feeds.Store = redis.Feeds()
	}
	s.feeds, err = live.NewFeeds(s.live, feeds)
	return err
}

// Revoke voids what a revocation matches, as POST /revocations does.
func (s *Service) Revoke(ctx context.Context, v ticket.Revocation) error {
	return s.live.Revoke(ctx, v)
}

// revocableIssuers returns whose bearers and sessions can be revoked.
func (s *Service) revocableIssuers() []live.Issuer {
	var all []live.Issuer
	for _, issuer := range s.cfg.Issuers {
		o := issuer.Options().WithProfile()
		known := live.Issuer{Name: o.Issuer, Leeway: max(0, o.Leeway), MaxLifetime: o.MaxLifetime}
		if known.MaxLifetime == 0 {
			known.MaxLifetime = auth.DefaultMaxLifetime
		}
		all = append(all, known)
	}
	if s.sessions != nil {
		// Its times are by the clocks of our own processes.
		all = append(all, live.Issuer{Name: s.sessions.Issuer(), MaxLifetime: auth.DefaultMaxLifetime})
	}
	return all
}

// syncTimeout bounds how long a process reads what was revoked before it starts.
const syncTimeout = 15 * time.Second

// readRevocations reads what was revoked before anybody is admitted.
func (s *Service) readRevocations(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	err := s.live.Sync(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, live.ErrLog):
		return s.databaseFault(err)
	default:
		return fmt.Errorf("serve: %w", s.storeFault(err))
	}
}

// follow applies what other processes revoke, until stop is called.
func (s *Service) follow(ctx context.Context) (stop func()) {
	// While the service drains, too, which ctx does not outlast.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		s.live.Follow(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
