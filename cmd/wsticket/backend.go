package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"wsticket/auth"
	"wsticket/store/memstore"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// backend is a store that this process has opened.
type backend interface {
	ticket.Store
	Ping(ctx context.Context) error
	Close() error
}

// openStore opens what store.url names. It does not wait for it to answer.
func openStore(cfg Config, log *slog.Logger) (backend, error) {
	raw := cfg.Store.URL.Reveal()
	if raw == "memory:" {
		return asBackend(memstore.New(memstore.Options{Retention: cfg.Ticket.Retention}))
	}
	redisstore.QuietLogger(log)
	return asBackend(redisstore.Open(raw, redisstore.Options{
		Retention: cfg.Ticket.Retention, Fence: redisstore.FenceMode(cfg.Store.Fence),
	}))
}

// asBackend keeps the nil pointer beside an error from becoming a backend that is
// not nil.
func asBackend[T backend](store T, err error) (backend, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

const (
	pingTimeout  = time.Second
	pingInterval = 250 * time.Millisecond
)

// awaitStore asks the store for a sign of life until it gives one, for the
// given time at most.
func (a *app) awaitStore(ctx context.Context, wait time.Duration) error {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for waiting := false; ; waiting = true {
		err := a.ping(ctx)
		if err == nil {
			return nil
		}
		if !waiting && wait > 0 {
			a.log.Warn("the store does not answer: waiting for it", "for", wait.String())
		}
		select {
		case <-ctx.Done():
			return errors.New("serve: stopped while waiting for the store")
		case <-deadline.C:
			return fmt.Errorf("serve: store.url: the store does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// evictionInterval is how often the eviction policy is looked at again: an
// operator may change it while the server runs.
const evictionInterval = time.Minute

// checkStore refuses a Redis that does not keep what the configuration asks
// for, and says what a weaker one does not promise. It is called once the
// store answers.
func (a *app) checkStore(ctx context.Context) error {
	redis, ok := a.store.(*redisstore.Store)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	report, err := redis.Probe(ctx)
	if err != nil {
		return fmt.Errorf("serve: store.fence is %s: %w", a.cfg.Store.Fence, err)
	}
	if !report.Fenced {
		a.log.Warn("weaker single use", "because", report.Weaker)
	}
	err = redis.CheckEviction(ctx)
	if err != nil && !a.cfg.Store.InsecureAllowEviction {
		return fmt.Errorf("serve: %w (store.insecure_allow_eviction starts all the same)", err)
	}
	if err != nil {
		a.log.Warn("insecure_allow_eviction is on: tickets that Redis evicts are refused", "because", err.Error())
	}
	return nil
}

// watchStore reports when Redis begins or ceases to evict, until ctx ends.
func (a *app) watchStore(ctx context.Context) {
	redis, ok := a.store.(*redisstore.Store)
	if !ok {
		return
	}
	redis.WatchEviction(ctx, evictionInterval, func(err error) {
		if err != nil {
			a.log.Error("Redis may evict tickets", "because", err.Error())
			return
		}
		a.log.Info("Redis no longer evicts")
	})
}

func (a *app) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return a.store.Ping(ctx)
}

func authOptions(cfg Config, log *slog.Logger) auth.Options {
	options := auth.Options{Logger: log}
	for _, issuer := range cfg.Issuers {
		options.Issuers = append(options.Issuers, auth.IssuerOptions{
			Issuer: issuer.Issuer, Audience: issuer.Audience, Algorithms: issuer.Algorithms,
			JWKSURL: issuer.JWKSURL, Discovery: issuer.Discovery,
			PublicKeyFile: issuer.PublicKeyFile, HMACSecretFile: issuer.HMACSecretFile,
			Type: issuer.Type, MaxLifetime: issuer.MaxLifetime, Leeway: issuer.Leeway,
			Claims: issuer.Claims, InsecureAllowPrivateNetwork: issuer.Insecure,
		})
	}
	return options
}
