// Command vulncheck is what `make vuln` runs: it asks whether the database of known
// vulnerabilities can be reached, and then lets govulncheck compare the packages
// that are imported with it.
//
//	go run ./internal/vulncheck -db URL [-report FILE] -- COMMAND...
//
// It has three outcomes, and each is the last line that it prints: nothing is known
// (exit code 0), something is known or the scan failed (1), or the database cannot be
// reached (0), which is the only one that skips the scan. A missing tool, an address
// of something else and a scan that breaks off are failures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("vulncheck", flag.ContinueOnError)
	flags.SetOutput(stderr)
	db := flags.String("db", "", "the `URL` of the database: https, http or file")
	report := flags.String("report", "", "a `file` that gets the last line, too")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() == 0:
		_, _ = fmt.Fprintln(stderr, "vulncheck: say which command scans")
		return 2
	}
	outcome, err := check(ctx, *db, scanner(flags.Args(), stdout, stderr))
	if err != nil {
		outcome = "vuln: failed: " + err.Error()
	}
	_, _ = fmt.Fprintln(stdout, outcome)
	if *report != "" {
		err = errors.Join(err, os.WriteFile(*report, []byte(outcome+"\n"), 0o600))
	}
	if err != nil {
		return 1
	}
	return 0
}

// scanner returns the command that scans.
func scanner(command []string, stdout, stderr io.Writer) func(context.Context) error {
	return func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // The Makefile names it.
		cmd.Stdout, cmd.Stderr = stdout, stderr
		return cmd.Run()
	}
}

// check returns what is to be said, or why that is not known.
func check(ctx context.Context, db string, scan func(context.Context) error) (outcome string, err error) {
	modified, err := lastModified(ctx, db)
	if unreachable, ok := errors.AsType[*unreachableError](err); ok {
		return fmt.Sprintf("vuln: skipped, because %s cannot be reached from here: %v", db, unreachable.cause), nil
	}
	if err != nil {
		return "", err
	}
	if err := scan(ctx); err != nil {
		return "", fmt.Errorf("%w: something is known against an imported package, or the scan broke off; see above", err)
	}
	return fmt.Sprintf("vuln: passed: %s, as of %s, knows nothing against the imported packages", db, modified), nil
}
