// Command wsticket-bench measures how fast a wsticket issues and redeems
// tickets.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	// Never undone: a second signal while the report is written must not turn
	// the exit status into the signal's.
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run parses the command line, makes the storms and returns the exit status: 0
// for success, 1 for a failure, 2 for wrong usage.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c command
	helped := false
	parser, err := kong.New(&c,
		kong.Name("wsticket-bench"), kong.Description(description),
		kong.Writers(stdout, stderr),
		// Help ends the run, not the process: tests live in it.
		kong.Exit(func(int) { helped = true }),
	)
	if err != nil {
		return fail(stderr, 1, err)
	}
	_, err = parser.Parse(args)
	switch {
	case helped:
		return 0
	case err != nil:
		return fail(stderr, 2, fmt.Errorf("%w (see wsticket-bench --help)", err))
	}
	if err := c.check(); err != nil {
		return fail(stderr, 2, err)
	}
	if err := c.run(ctx, stdin, stdout, stderr); err != nil {
		return fail(stderr, 1, err)
	}
	return 0
}

func fail(stderr io.Writer, status int, err error) int {
	_, _ = fmt.Fprintf(stderr, "wsticket-bench: %v\n", err)
	return status
}
