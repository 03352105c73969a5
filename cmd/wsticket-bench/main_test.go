package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"wsticket/internal/test"
)

// programs is the folder of the two programs. It exists until this process
// ends.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "wsticket-bench-test-"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(programs)
		os.Exit(status)
	}))
}

// build makes both programs once, as they are shipped.
var build = sync.OnceValue(func() error {
	out, err := exec.Command("go", "build", "-o", programs, "wsticket/cmd/wsticket", "wsticket/cmd/wsticket-bench").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// built returns the file of one of the programs.
func built(tb testing.TB, name string) string {
	tb.Helper()
	if err := build(); err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(programs, name)
}

// bench runs wsticket-bench in this process.
func bench(tb testing.TB, stdin string, args ...string) (stdout, stderr string, status int) {
	tb.Helper()
	var out, errs bytes.Buffer
	status = run(tb.Context(), args, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), status
}

// benchJSON runs it with four callers and without a warm-up, and reads its
// document.
func benchJSON(tb testing.TB, args ...string) (report, int) {
	tb.Helper()
	out, errs, status := bench(tb, "", append([]string{"--json", "--warm-up", "0s", "--callers", "4"}, args...)...)
	return parse(tb, out, errs), status
}

func parse(tb testing.TB, out, errs string) report {
	tb.Helper()
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		tb.Fatalf("no JSON document: %v\n%s\n%s", err, out, errs)
	}
	return r
}

// wsticket runs a command of wsticket and returns its output.
func wsticket(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), built(tb, "wsticket"), args...).Output()
	if err != nil {
		tb.Fatalf("wsticket %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// startWsticket starts a server, and returns the output that it writes first, up
// to a line with the part. The server is stopped when the test ends.
func startWsticket(tb testing.TB, until string, args ...string) string {
	tb.Helper()
	cmd := exec.CommandContext(context.Background(), built(tb, "wsticket"), args...)
	cmd.SysProcAttr = childAttributes()
	stdout := new(test.Output)
	cmd.Stdout = stdout
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	stdout.WaitFor(tb, until)
	return stdout.String()
}

// addresses reads the start line of a server.
func addresses(tb testing.TB, out string) (public, internal string) {
	tb.Helper()
	var line struct{ Public, Internal string }
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&line); err != nil {
		tb.Fatalf("start line of %q: %v", out, err)
	}
	return line.Public, line.Internal
}
