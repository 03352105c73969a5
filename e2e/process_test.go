//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for another process; nothing usually waits.
const patience = 20 * time.Second

// transcript is what somebody has written, safe to read meanwhile.
type transcript struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced by each write
}

func newTranscript() *transcript { return &transcript{grown: make(chan struct{})} }

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.text.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor returns when part has been written.
func (o *transcript) waitFor(t testing.TB, part string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		o.mu.Lock()
		found, grown := bytes.Contains(o.text.Bytes(), []byte(part)), o.grown
		o.mu.Unlock()
		if found {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("no %q in time in:\n%s", part, o)
		}
	}
}

// server is a running `wsticket serve`.
type server struct {
	public, internal string // host:port
	log              *transcript
	cmd              *exec.Cmd
	ended            chan struct{}
}

// serve starts the program with a configuration file, and settings of the form
// key=value over it, and returns when it has told its addresses. It ends with
// the test.
func serve(t testing.TB, config string, settings ...string) server {
	t.Helper()
	args := []string{"serve", "--config", config}
	for _, setting := range settings {
		args = append(args, "--set", setting)
	}
	cmd := program(context.WithoutCancel(t.Context()), t, args...)
	s := server{log: newTranscript(), cmd: cmd, ended: make(chan struct{})}
	told := newTranscript()
	cmd.Stdout, cmd.Stderr = told, s.log
	if err := cmd.Start(); err != nil {
		t.Fatalf("serve: %v", err)
	}
	go func() { // ends with the process
		_ = cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("wsticket at %s said at last:\n%s", s.public, tail(s.log.String()))
		}
	})
	told.waitFor(t, "\n")
	var start struct{ Event, Public, Internal string }
	if err := json.Unmarshal([]byte(told.String()), &start); err != nil || start.Event != "listening" {
		t.Fatalf("start line %q: %v", told, err)
	}
	s.public, s.internal = start.Public, start.Internal
	return s
}

// stop asks the process to end, and ends it where it does not. Its log is
// complete then.
func (s server) stop(t testing.TB) {
	t.Helper()
	_ = s.cmd.Process.Signal(os.Interrupt) // an error says that it has ended
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.ended
		t.Error("wsticket did not end when it was asked to")
	}
}

// program prepares a wsticket that knows nothing of this process's environment.
func program(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.SysProcAttr = []string{}, attributes()
	return cmd
}

// tail is the end of a long text.
func tail(text string) string {
	const most = 4 << 10
	if len(text) > most {
		_, text, _ = strings.Cut(text[len(text)-most:], "\n")
	}
	return text
}
