//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
)

// patience limits how long a test waits for another process.
const patience = 20 * time.Second

// server is a running `wsticket serve`.
type server struct {
	public, internal string // host:port
	stdout, log      *test.Output
	cmd              *exec.Cmd
	ended            chan struct{}
}

// serve starts the program with a configuration file and with settings of the form
// key=value, which override it. It returns when the program listens, and stops it
// when the test ends.
func serve(t testing.TB, config string, settings ...string) server {
	t.Helper()
	return serveBuilt(t, build, config, settings...)
}

// serveBuilt is serve with the program that a builder builds.
func serveBuilt(t testing.TB, builder func() (string, error), config string, settings ...string) server {
	t.Helper()
	args := []string{"serve", "--config", config}
	for _, setting := range settings {
		args = append(args, "--set", setting)
	}
	return run(t, builder, args...)
}

// run is serve for a subcommand that listens, with its arguments.
func run(t testing.TB, builder func() (string, error), args ...string) server {
	t.Helper()
	cmd := built(context.WithoutCancel(t.Context()), t, builder, args...)
	s := server{stdout: new(test.Output), log: new(test.Output), cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = s.stdout, s.log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", args[0], err)
	}
	go func() { // ends with the process
		_ = cmd.Wait()
		s.stdout.End()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("the end of the log of wsticket at %s:\n%s", s.public, tail(s.log.String()))
		}
	})
	line := s.stdout.WaitFor(t, "{")
	var start struct{ Event, Public, Internal string }
	if err := json.Unmarshal([]byte(line), &start); err != nil || start.Event != "listening" {
		t.Fatalf("start line %q: %v", line, err)
	}
	s.public, s.internal = start.Public, start.Internal
	return s
}

// stop asks the process to end, and kills it if it does not. Afterwards its log is
// complete.
func (s server) stop(t testing.TB) {
	t.Helper()
	_ = s.cmd.Process.Signal(os.Interrupt) // an error means that it has ended
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.ended
		t.Error("wsticket did not end when it was asked to")
	}
}

// program prepares a wsticket with an empty environment.
func program(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return built(ctx, t, build, args...)
}

// built prepares the program of a builder, with an empty environment.
func built(ctx context.Context, t testing.TB, builder func() (string, error), args ...string) *exec.Cmd {
	t.Helper()
	path, err := builder()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.SysProcAttr = []string{}, attributes()
	return cmd
}

// tail returns the last lines of a long text.
func tail(text string) string {
	const most = 4 << 10
	if len(text) > most {
		_, text, _ = strings.Cut(text[len(text)-most:], "\n")
	}
	return text
}
