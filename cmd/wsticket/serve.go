package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/service"
	"wsticket/internal/buildinfo"
)

type serveCmd struct {
	config.Flags

	Wait time.Duration `placeholder:"TIME" help:"How long to wait for the store at start, such as 30s. Without it, serve fails at once if the store does not answer."`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, w world) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	cfg, s, err := build(c.Flags, w, service.Options{Load: c.loader(w), Reload: hangups})
	if err != nil {
		return err
	}
	defer s.Close()
	systemd, err := supervised(s, w.Env)
	if err != nil {
		return err
	}
	defer systemd.Close()
	if err := s.Open(ctx, c.Wait); err != nil {
		return err
	}
	sockets, err := service.Listen(ctx, cfg)
	if err != nil {
		return err
	}
	defer sockets.Close()
	if err := sockets.Announce(w.Stdout); err != nil {
		return err
	}
	return s.Serve(ctx, sockets)
}

// errOnce is about a configuration that was read from a pipe.
var errOnce = errors.New("--config: is no regular file, so that it cannot be read a second time: restart serve instead")

// loader reads the settings again: the file is read anew, and environment and flags are
// those of the start.
func (c *serveCmd) loader(w world) func(check func(config.Config) error) (config.Config, error) {
	return func(check func(config.Config) error) (config.Config, error) {
		info, err := os.Stat(config.FileName(c.Config, w.Env))
		if err == nil && !info.Mode().IsRegular() {
			return config.Config{}, errOnce
		}
		return c.Load(w.Env, check) // which says what is wrong with a file that is missing
	}
}

// build reads the settings and builds the service that they describe. The error
// lists every fault. It is all that check-config does.
func build(flags config.Flags, w world, o service.Options) (config.Config, *service.Service, error) {
	var s *service.Service
	o.Build, o.Log, o.ConfigFile = buildinfo.Read(), w.Stderr, config.FileName(flags.Config, w.Env)
	cfg, err := flags.Load(w.Env, func(cfg config.Config) (err error) {
		s, err = service.New(cfg, o)
		return err
	})
	if err != nil && s != nil {
		s.Close()
	}
	return cfg, s, err
}
