package main

import (
	"fmt"

	"wsticket/cmd/wsticket/internal/config"
)

type checkConfigCmd struct {
	config.Flags
}

// Run names every fault of the configuration, and of the files that it names,
// that serve would refuse to start with. It opens no socket.
func (c *checkConfigCmd) Run(w world) error {
	_, s, err := build(c.Flags, w)
	if err != nil {
		return err
	}
	s.Close()
	_, err = fmt.Fprintln(w.Stdout, "the configuration is good")
	return err
}
