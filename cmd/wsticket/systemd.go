package main

import (
	"os"
	"strings"

	"wsticket/cmd/wsticket/internal/service"
	"wsticket/internal/sdnotify"
)

// supervised makes a service tell systemd how it is, where the environment says that
// systemd waits for that: a unit of Type=notify, with or without WatchdogSec. The
// caller closes the socket.
func supervised(s *service.Service, env []string) (*sdnotify.Socket, error) {
	every, err := sdnotify.Watchdog(lookup(env, "WATCHDOG_USEC"), lookup(env, "WATCHDOG_PID"), os.Getpid())
	if err != nil {
		return nil, err
	}
	socket, err := sdnotify.Open(lookup(env, "NOTIFY_SOCKET"))
	if err != nil {
		return nil, err
	}
	s.Supervise(socket, every)
	return socket, socket.Status("starting")
}

// lookup returns a variable of an environment, or "" if it has none. The last one
// counts, as in os/exec.
func lookup(env []string, name string) (value string) {
	for _, entry := range env {
		if text, ok := strings.CutPrefix(entry, name+"="); ok {
			value = text
		}
	}
	return value
}
