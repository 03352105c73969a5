package main

import (
	"context"
	"io"

	"github.com/alecthomas/kong"
)

// world has everything that a run may use of its process. Tests pass their own.
type world struct {
	Args           []string
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// usageError is a fault of the command line: exit status 2.
type usageError struct{ error }

// Unwrap returns the fault itself.
func (e usageError) Unwrap() error { return e.error }

type cli struct {
	Serve       serveCmd       `cmd:"" help:"Run the service: issue tickets, redeem them in the WebSocket handshake."`
	Dev         devCmd         `cmd:"" help:"Try it: run everything in one process, on loopback only, with a bearer and lines to paste."`
	Token       tokenCmd       `cmd:"" help:"Sign a bearer for tests and trials."`
	CheckConfig checkConfigCmd `cmd:"" name:"check-config" help:"Check the configuration and name every fault in it."`
	Explain     explainCmd     `cmd:"" help:"Say which issuer would take a bearer, and why the others would not."`
	PrintConfig printConfigCmd `cmd:"" name:"print-config" help:"Print the configuration of a proxy that asks this service about handshakes."`
	Health      healthCmd      `cmd:"" help:"Ask a running service whether it is ready: exit status 0 or 1."`
	Revoke      revokeCmd      `cmd:"" help:"Log somebody out: void bearers and tickets, and end connections, in every process of a running service."`
	Connections connectionsCmd `cmd:"" help:"List the open connections of a running service, or cut one."`
	Audit       auditCmd       `cmd:"" help:"Read the audit trail in database.url, or else in trail.db of this folder: search it, follow it, check that nobody has changed it."`
	Drain       drainCmd       `cmd:"" help:"Close the connections of a running service, before it is stopped."`
	Migrate     migrateCmd     `cmd:"" help:"Make or change the tables of the database, or say which it has."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

const description = `Opens WebSockets from browsers without putting a long-lived credential into a URL or a log.

POST /ws-ticket exchanges a bearer for a ticket that lives for seconds and works once; the WebSocket handshake redeems it.

Exit status: 0 success, 1 failed, 2 wrong usage.`

// run parses the command line and runs one command until it is done or ctx
// ends. It returns the exit status.
func run(ctx context.Context, w world) error {
	var c cli
	helped := false
	parser, err := kong.New(&c,
		kong.Name("wsticket"), kong.Description(description),
		kong.Writers(w.Stdout, w.Stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		// Help ends the run and not the process, which may be that of a test.
		kong.Exit(func(int) { helped = true }),
		durations(), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(w),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(w.Args)
	switch {
	case helped:
		return nil
	case err != nil:
		return usageFault(err, parser)
	}
	return command.Run()
}
