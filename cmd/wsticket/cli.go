package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// world is all that a run may touch of the process around it; tests give
// their own.
type world struct {
	Args           []string
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// getenv returns the value of a name in the world's environment.
func (w world) getenv(name string) string {
	for _, entry := range w.Env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// usageError is a fault of the command line: exit status 2.
type usageError struct{ error }

// Unwrap returns the fault itself.
func (e usageError) Unwrap() error { return e.error }

type cli struct {
	Serve       serveCmd       `cmd:"" help:"Run the service: issue tickets, redeem them in the WebSocket handshake."`
	Dev         devCmd         `cmd:"" help:"Try it: everything embedded, on loopback only, with a ready bearer and lines to paste."`
	Token       tokenCmd       `cmd:"" help:"Sign a bearer for tests and trials."`
	CheckConfig checkConfigCmd `cmd:"" name:"check-config" help:"Check the configuration and name every fault in it."`
	PrintConfig printConfigCmd `cmd:"" name:"print-config" help:"Print how a proxy has to be configured that asks this service."`
	Health      healthCmd      `cmd:"" help:"Ask a running service whether it is ready: exit status 0 or 1."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

const description = `Gets a browser onto a WebSocket without ever putting a long-lived credential in a URL or a log.

POST /ws-ticket exchanges a bearer for a ticket that lives for seconds and works once; the WebSocket handshake consumes it.

Exit status: 0 done, 1 failed, 2 wrong usage.`

// run parses the command line and runs one command until it is done or ctx
// ends.
func run(ctx context.Context, w world) error {
	var c cli
	helped := false
	parser, err := kong.New(&c,
		kong.Name("wsticket"), kong.Description(description),
		kong.Writers(w.Stdout, w.Stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		// Help ends the run, not the process: tests live in it.
		kong.Exit(func(int) { helped = true }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(w),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(w.Args)
	switch {
	case helped:
		return nil
	case err != nil:
		return usageError{fmt.Errorf("%w (see %s --help)", err, commandOf(err))}
	}
	return command.Run()
}

// commandOf is the command as far as it could be understood.
func commandOf(err error) string {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok || parse.Context.Selected() == nil {
		return "wsticket"
	}
	return parse.Context.Selected().FullPath()
}
