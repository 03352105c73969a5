package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"wsticket/auth"
	"wsticket/store"
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
		return store.NewMemory(store.MemoryOptions{Retention: cfg.Ticket.Retention})
	}
	store.QuietLogger(log)
	return store.OpenRedis(raw, store.RedisOptions{Retention: cfg.Ticket.Retention})
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
