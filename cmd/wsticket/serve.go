package main

import (
	"context"
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
	cfg, s, err := build(c.Flags, w)
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

// build reads the settings and builds the service that they describe. The error
// lists every fault. It is all that check-config does.
func build(flags config.Flags, w world) (config.Config, *service.Service, error) {
	var s *service.Service
	cfg, err := flags.Load(w.Env, func(cfg config.Config) (err error) {
		s, err = service.New(cfg, service.Options{Build: buildinfo.Read(), Log: w.Stderr, ConfigFile: config.FileName(flags.Config, w.Env)})
		return err
	})
	if err != nil && s != nil {
		s.Close()
	}
	return cfg, s, err
}
