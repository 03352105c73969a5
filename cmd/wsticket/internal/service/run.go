package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"wsticket/api"
	"wsticket/store/redisstore"
)

// gcHeadroom is the size in bytes of a block that makes the heap look larger to
// the garbage collector. With Redis only a few MiB are in use, which it would
// otherwise search a hundred times a second, a fifth of the work of a busy
// server. The block is never written, so it takes addresses and no memory.
const gcHeadroom = 8 << 20

// shutdownTimeout is the time that requests in progress have when the service
// stops, in addition to the drain window.
const shutdownTimeout = 10 * time.Second

// Open logs warnings, starts to fetch keys, and waits for the store and the
// database to answer, for each at most for the given time. It returns an error if one
// of them does not answer or does not do what the settings require.
func (s *Service) Open(ctx context.Context, wait time.Duration) error {
	redisstore.QuietLogger(s.log) // before the client connects, and once for the process
	for _, warning := range s.Warnings() {
		s.log.Warn(warning)
	}
	if err := s.current().startAuth(ctx); err != nil {
		return err
	}
	if err := s.awaitStore(ctx, wait); err != nil {
		return err
	}
	if err := s.checkStore(ctx); err != nil {
		return err
	}
	if err := s.awaitDatabase(ctx, wait); err != nil {
		return err
	}
	return s.readRevocations(ctx)
}

// Serve answers on the listeners until ctx ends, or one of them fails, and then
// stops: WebSockets are closed over the drain window.
func (s *Service) Serve(ctx context.Context, l *Listeners) error {
	defer runtime.KeepAlive(make([]byte, gcHeadroom))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(ctx, func() { s.leave(); close(s.stopping) })
	s.logServing(l)
	listeners := s.bounds(l)
	s.metrics.Listeners(listeners.stats)
	var watching sync.WaitGroup
	watching.Go(func() { watchRefused(ctx, listeners.stats, s.log) })
	watching.Go(func() { s.watchStore(ctx) })
	watching.Go(func() { s.live.WatchReplays(ctx) })
	watching.Go(func() { s.live.RecheckSessions(ctx) })
	watching.Go(func() { s.watchOutages(ctx) })
	watching.Go(func() { s.watchReloads(ctx, l) })
	stopTrail := s.keepTrail(ctx)
	defer s.follow(ctx)()
	// As long as the servers: connections that drain can be asked about.
	serving, leave := context.WithCancel(context.WithoutCancel(ctx))
	watching.Go(func() { s.live.ServePeers(serving) })
	watching.Go(func() { s.supervise(serving, s.stopping, l) })
	if s.webhook != nil {
		watching.Go(func() { s.webhook.Run(serving) })
	}
	if s.telemetry != nil {
		watching.Go(func() { s.telemetry.Run(serving) })
	}
	watching.Go(func() { s.live.KeepPlaces(serving) })
	err := s.serveUntil(ctx, listeners)
	leave()
	stop()
	watching.Wait()
	stopTrail()
	s.log.Info("stopped")
	return err
}

// logServing says what the service listens on.
func (s *Service) logServing(l *Listeners) {
	attrs := []any{"version", s.info.Version, "commit", s.info.Commit, "public", l.Public().String(), "internal", l.Internal().String()}
	if l.health != nil {
		attrs = append(attrs, "health", l.health.Addr().String())
	}
	s.log.Info("serving", append(attrs, "max_connections", s.places.public, "max_connections_per_address", s.places.ofAddress)...)
}

// serveUntil runs all servers until ctx ends or one of them fails, and then
// stops them: they accept no new connections, and requests in progress have the
// drain window and shutdownTimeout. Those that probes ask stop last, so that the
// drain can be observed. net/http does not know of WebSockets, so they are
// closed here.
func (s *Service) serveUntil(ctx context.Context, l boundedListeners) error {
	idle := s.cfg.Public.IdleTimeout
	public, internal := newServer(s.handler((*api.Server).Public), idle, s.log), newInternalServer(s.internalHandler(), idle, s.log)
	health := newServer(s.handler((*api.Server).Health), idle, s.log)
	failed := make(chan error, 3) // one for each server, so that none blocks
	serve := func(server *http.Server, ln net.Listener) { failed <- server.Serve(ln) }
	go serve(public, s.secured(l.public, certificates.ofPublic))
	go serve(internal, s.secured(l.internal, certificates.ofInternal))
	if l.health != nil {
		go serve(health, l.health)
	}
	var fault error
	select {
	case <-ctx.Done():
	case fault = <-failed:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.WS.DrainWindow+shutdownTimeout)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- s.drain(ctx) }() // ends soon after ctx
	err := errors.Join(public.Shutdown(ctx), <-drained, internal.Shutdown(ctx), health.Shutdown(ctx))
	if fault != nil {
		return fmt.Errorf("serve: %w", fault)
	}
	if err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	return nil
}
