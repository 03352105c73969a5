package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/store/memstore"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// backend is a store that this process has opened.
type backend interface {
	ticket.NoteStore
	ticket.Once
	Ping(ctx context.Context) error
	Close() error
}

// buildStore makes the store that store.url names. It connects to nothing yet.
func (s *generation) buildStore() error {
	var err error
	switch {
	case s.cfg.Store.InMemory():
		s.store, err = asBackend(memstore.New(memstore.Options{Retention: s.cfg.Ticket.Retention}))
	case s.cfg.Store.Shared():
		var redis *redisstore.Store
		redis, err = redisstore.Open(s.cfg.Store.URL.Reveal(), redisstore.Options{
			Retention: s.cfg.Ticket.Retention, Fence: redisstore.FenceMode(s.cfg.Store.Fence), Dir: s.cfg.Store.URL.Dir(),
			StreamRetention: s.streamRetention(),
		})
		if err == nil {
			s.store = redis
			s.metrics.Redis(redis)
			s.outages = newStoreWatch(s.probeStore, s.log.With("host", redis.Address()))
		}
	}
	return err // any other URL is a fault of the settings
}

// streamRetention is how long a revocation may match something: as long as the longest
// bearer of any issuer lives, with its leeway, and an hour for clocks that differ.
func (s *generation) streamRetention() time.Duration {
	longest := redisstore.DefaultStreamRetention
	for i := range s.cfg.Issuers {
		issuer := &s.cfg.Issuers[i]
		longest = max(longest, issuer.MaxLifetime+issuer.Leeway+time.Hour)
	}
	return longest
}

// asBackend returns nil together with an error. Otherwise the nil pointer would
// become an interface that is not nil.
func asBackend[T backend](store T, err error) (backend, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

const (
	// pingTimeout bounds a question to the store of some commands, each of which has
	// the time-out of the store.
	pingTimeout  = 5 * time.Second
	pingInterval = 250 * time.Millisecond
)

// awaitStore pings the store until it answers, for the given time at most.
func (s *Service) awaitStore(ctx context.Context, wait time.Duration) error {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for waiting := false; ; waiting = true {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		if !waiting && wait > 0 {
			s.log.Warn("the store does not answer: waiting for it", "for", wait.String(), "host", s.storeHost(), "cause", storeCause(err))
		}
		select {
		case <-ctx.Done():
			return errors.New("serve: stopped while waiting for the store")
		case <-deadline.C:
			return fmt.Errorf("serve: %w", s.storeFault(err))
		case <-tick.C:
		}
	}
}

// storeFault says which server does not do what is needed, and why.
func (s *Service) storeFault(err error) error {
	return &config.Fault{Key: "store.url", Err: fmt.Errorf("redis at %s: %s", s.storeHost(), storeCause(err))}
}

// storeHost returns where the store is, for messages.
func (s *Service) storeHost() string {
	if redis, ok := s.store.(*redisstore.Store); ok {
		return redis.Address()
	}
	return "this process"
}

// storeCause returns why a store does not answer.
func storeCause(err error) string {
	if outage, ok := errors.AsType[*redisstore.OutageError](err); ok {
		return outage.Cause()
	}
	return err.Error()
}

// probeStore returns an error if the store does not answer, or is no primary.
func (s *Service) probeStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	redis, ok := s.store.(*redisstore.Store)
	if err := s.store.Ping(ctx); err != nil || !ok {
		return err
	}
	_, err := redis.Probe(ctx)
	return err
}

// evictionInterval is how often the eviction policy is checked again: an
// operator may change it while the server runs.
const evictionInterval = time.Minute

// checkStore refuses a Redis that does not do what the configuration requires,
// and warns if single use is weaker on it. It is called when the store answers.
func (s *Service) checkStore(ctx context.Context) error {
	redis, ok := s.store.(*redisstore.Store)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	report, err := redis.Probe(ctx)
	if err != nil {
		return fmt.Errorf("serve: store.fence is %s: %w", s.cfg.Store.Fence, err)
	}
	if !report.Fenced {
		s.log.Warn("weaker single use", "because", report.Weaker)
	}
	if err := redis.CheckStream(ctx); err != nil {
		return fmt.Errorf("serve: %w", s.storeFault(err))
	}
	err = redis.CheckEviction(ctx)
	if err != nil && !s.cfg.Store.InsecureAllowEviction {
		return fmt.Errorf("serve: %w (store.insecure_allow_eviction: true starts it anyway)", err)
	}
	if err != nil {
		s.log.Warn("insecure_allow_eviction is on: tickets that Redis evicts are refused", "because", err.Error())
	}
	return nil
}

// watchStore logs when Redis starts and when it stops to evict, until ctx ends.
func (s *Service) watchStore(ctx context.Context) {
	redis, ok := s.store.(*redisstore.Store)
	if !ok {
		return
	}
	redis.WatchEviction(ctx, evictionInterval, func(err error) {
		if err != nil {
			s.log.Error("Redis may evict tickets", "because", err.Error())
			return
		}
		s.log.Info("Redis no longer evicts")
	})
}

func (s *Service) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return s.store.Ping(ctx)
}
