//go:build e2e

package snippets_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wsticket/internal/testenv"
)

// packages is the folder of the npm packages that programs of the documents import.
const packages = "../node"

// patience limits how long a test waits for another process.
const patience = 20 * time.Second

// block returns the fenced block of a language in a document, which has to be the
// only one.
func block(t testing.TB, document, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", document))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "\n```"+language+"\n")
	if len(parts) != 2 {
		t.Fatalf("%s: got %d blocks of %s, want one", document, len(parts)-1, language)
	}
	code, _, closed := strings.Cut(parts[1], "\n```\n")
	if !closed {
		t.Fatalf("%s: the block of %s does not end", document, language)
	}
	return code + "\n"
}

// scratch is a folder that is removed when the process ends.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "wsticket-snippets-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code) //nolint:forbidigo // the test binary ends here
}

// build builds the program once.
var build = sync.OnceValues(func() (string, error) { return testenv.Program(scratch) })

func buildServer(t testing.TB) string {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// addresses are the URLs of the listeners of a wsticket.
type addresses struct{ public, internal string }

// serve starts a wsticket that knows its public URL. Another process may take the port
// before it does; then serve tries another one.
func serve(t testing.TB, program string, args ...string) addresses {
	t.Helper()
	var fault error
	for range 5 {
		a, err := tryServe(t, program, args)
		if err == nil {
			return a
		}
		fault = err
	}
	t.Fatal(fault)
	return addresses{}
}

func tryServe(t testing.TB, program string, args []string) (addresses, error) {
	t.Helper()
	addr := testenv.FreeAddr(t)
	args = append([]string{
		"serve", "--public", addr, "--internal", "127.0.0.1:0", "--set", "public.url=http://" + addr,
	}, args...)
	cmd := exec.Command(program, args...) //nolint:noctx // it is interrupted below
	cmd.Env = []string{}
	var log strings.Builder
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return addresses{}, err
	}
	if err := cmd.Start(); err != nil {
		return addresses{}, err
	}
	deadline := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	deadline.Stop()
	var start struct{ Event, Internal string }
	if err = errors.Join(err, json.Unmarshal([]byte(line), &start)); err != nil || start.Event != "listening" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return addresses{}, fmt.Errorf("wsticket does not start: %w\n%s", err, &log)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		deadline := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer deadline.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("wsticket ended with %v\n%s", err, &log)
		}
	})
	return addresses{public: "http://" + addr, internal: "http://" + start.Internal}, nil
}

// presented is what an application gets with a handshake.
type presented struct {
	Assertion string `json:"assertion"`
	ID        string `json:"id"`
}

func presentedBy(header http.Header) presented {
	return presented{header.Get("X-Wsticket-Assertion"), header.Get("X-Wsticket-Id")}
}

// run passes cases to a program and returns its verdict about each.
func run[C any](t testing.TB, cmd *exec.Cmd, cases []C) []any {
	t.Helper()
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(input)), &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Args[0], err, &errs)
	}
	var verdicts []any
	if err := json.Unmarshal(out, &verdicts); err != nil || len(verdicts) != len(cases) {
		t.Fatalf("%s: got %s (%v), want %d verdicts", cmd.Args[0], out, err, len(cases))
	}
	return verdicts
}
