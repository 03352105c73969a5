package main

import (
	"context"
	"fmt"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/service"
)

type checkConfigCmd struct {
	config.Flags

	Kubernetes bool          `help:"Say what a pod of Kubernetes has to have for these settings: times, hooks and probes; with MANIFEST, check it. Files that the settings name need not be here."`
	Delay      time.Duration `placeholder:"TIME" default:"5s" help:"With --kubernetes and without MANIFEST: the --delay that preStop gives to drain (default: 5s)."`
	Manifest   string        `arg:"" optional:"" help:"With --kubernetes: file with objects of Kubernetes, - for standard input. Its ConfigMap with the key wsticket.yaml is the configuration, unless --config names another."`

	Online bool `help:"Also ask the store, the issuers, the application and the lookup of sessions, and say what they answer. It changes nothing there."`
}

// Run names every fault of the configuration, and of the files that it names,
// that serve would refuse to start with. It opens no socket unless it is asked
// to.
func (c *checkConfigCmd) Run(ctx context.Context, w world) error {
	if c.Kubernetes {
		return c.kubernetes(w)
	}
	if c.Manifest != "" {
		return usageError{fmt.Errorf("%q is a manifest, which needs --kubernetes; a configuration is named by --config", c.Manifest)}
	}
	cfg, s, err := build(c.Flags, w, service.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	for _, warning := range s.Warnings() {
		_ = say(w.Stderr, "warning: %s", warning)
	}
	for _, line := range append(cfg.Presets(), "the configuration is good") {
		if err := say(w.Stdout, "%s", line); err != nil {
			return err
		}
	}
	if !c.Online {
		return nil
	}
	failed := 0
	s.AskOthers(ctx, func(f service.Finding) {
		if f.Err == nil {
			_ = say(w.Stdout, "ok      %s: %s", f.Asked, f.Said)
			return
		}
		failed++
		_ = say(w.Stdout, "FAILED  %s: %s: %v", f.Asked, f.Said, f.Err)
	})
	if failed > 0 {
		return fmt.Errorf("check-config: %d of the services that the configuration names cannot be used", failed)
	}
	return nil
}
