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
func (s *generation) buildLive() error {
	var err error
	s.live, s.feeds, err = s.newLive()
	return err
}

// newLive returns a registry with its feeds. At a reload the one that is in use adopts
// its settings.
func (s *generation) newLive() (*live.Registry, *live.Feeds, error) {
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
	registry, err := live.New(options)
	if err != nil {
		return nil, nil, err
	}
	feedOptions := live.FeedOptions{SealKeys: s.sealKeys}
	if redis, ok := s.store.(*redisstore.Store); ok {
		feedOptions.Store = redis.Feeds()
	}
	feeds, err := live.NewFeeds(registry, feedOptions)
	return registry, feeds, err
}

// Revoke voids what a revocation matches, as POST /revocations does.
func (s *Service) Revoke(ctx context.Context, v ticket.Revocation) error {
	return s.live.Revoke(ctx, v)
}

// revocableIssuers returns whose bearers and sessions can be revoked.
func (s *generation) revocableIssuers() []live.Issuer {
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
