package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/metrics"
)

// reloads is what a service needs to reload, and how it went.
type reloads struct {
	load    func(check func(config.Config) error) (config.Config, error) // nil: there are none
	asked   <-chan os.Signal
	watched watched

	*reloadCounts
}

// reloadCounts are about the reloads so far.
type reloadCounts struct {
	mu           sync.Mutex
	good, faulty uint64
	failing      bool
	last         time.Time // of the settings that are in use
}

func newReloads(o Options, cfg config.Config) reloads {
	r := reloads{load: o.Load, asked: o.Reload, reloadCounts: &reloadCounts{last: time.Now()}}
	if r.load != nil {
		r.watched.begin(o.ConfigFile, cfg.Files())
	}
	return r
}

func (r *reloadCounts) count(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failing = err != nil; r.failing {
		r.faulty++
		return
	}
	r.good++
	r.last = time.Now()
}

func (s *Service) reloadStats() metrics.ReloadStats {
	r, now := s.reloads.reloadCounts, s.current()
	r.mu.Lock()
	defer r.mu.Unlock()
	return metrics.ReloadStats{Good: r.good, Faulty: r.faulty, Failing: r.failing, Last: r.last, Hash: now.cfg.Hash()}
}

// watchReloads reloads when it is asked to, and when a file has changed, until ctx ends.
func (s *Service) watchReloads(ctx context.Context, l *Listeners) {
	if s.reloads.load == nil {
		return
	}
	var looks <-chan time.Time
	if every := s.cfg.Reload.Watch; every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		looks = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.reloads.asked:
			s.reloads.watched.take()
			s.reload(ctx, l, "signal", "SIGHUP")
		case <-looks:
			if changed := s.reloads.watched.look(); len(changed) > 0 {
				s.reload(ctx, l, "files", strings.Join(changed, ", "))
			}
		}
	}
}

// reload loads the settings and uses them. It logs how that went, and counts it.
// because is the attribute of the log that says what asked for it.
func (s *Service) reload(ctx context.Context, l *Listeners, because ...any) {
	s.tell(s.systemd.Reloading())
	defer func() {
		if ctx.Err() == nil { // else systemd knows that the service stops
			s.tell(s.systemd.Ready(s.serving(l)))
		}
	}()
	before := s.current()
	restart, err := s.tryReload(ctx)
	s.reloads.count(err)
	log := s.log.With(because...)
	if err != nil {
		log.ErrorContext(ctx, "the settings were not reloaded, and those before stay in use", "faults", config.Lines(err))
		return
	}
	now := s.current()
	log.InfoContext(ctx, "the settings were reloaded", "changed", config.Changed(before.cfg, now.cfg), "generation", now.number, "config_hash", now.cfg.Hash())
	if len(restart) > 0 {
		log.WarnContext(ctx, "some settings have changed that need a restart, and stay as they were", "keys", restart)
	}
	known := before.warnings()
	for _, warning := range now.warnings() {
		if !slices.Contains(known, warning) {
			s.log.WarnContext(ctx, warning)
		}
	}
}

// tryReload returns the keys that have changed and need a restart. After an error
// everything is as before.
func (s *Service) tryReload(ctx context.Context) (restart []string, err error) {
	cfg, err := s.reloads.load(s.checkReload)
	if err != nil {
		return nil, err
	}
	before := s.current()
	next := &generation{Service: s, number: before.number + 1, replaces: before}
	next.cfg, restart = before.cfg.Reloaded(cfg)
	err = config.ByKey(errors.Join(next.cfg.Validate(), next.buildNext()))
	if err == nil {
		err = next.startAuth(ctx)
	}
	if err != nil {
		if next.verifier != nil {
			next.verifier.Close()
		}
		if len(restart) > 0 {
			err = errors.Join(err, fmt.Errorf("as long as these stay as they are, which need a restart: %s", strings.Join(restart, ", ")))
		}
		return nil, err
	}
	next.use()
	s.reloads.watched.only(append(next.cfg.Files(), cfg.Files()...)) // some of these need a restart
	return restart, nil
}

// checkReload finds what serve would refuse to start with.
func (s *Service) checkReload(cfg config.Config) error {
	s.reloads.watched.add(cfg.Files())
	checked, err := New(cfg, Options{Log: io.Discard})
	if err != nil {
		return err
	}
	checked.Close()
	return nil
}
