package main

import (
	"fmt"

	"wsticket/cmd/wsticket/internal/config"
)

type checkConfigCmd struct {
	config.Flags
}

// Run names every fault of the configuration, and of the files that it names,
// that serve would refuse to start with. It says what profiles preset. It opens
// no socket.
func (c *checkConfigCmd) Run(w world) error {
	cfg, s, err := build(c.Flags, w)
	if err != nil {
		return err
	}
	s.Close()
	for _, line := range append(cfg.Presets(), "the configuration is good") {
		if _, err := fmt.Fprintln(w.Stdout, line); err != nil {
			return err
		}
	}
	return nil
}
