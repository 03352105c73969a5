package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

const (
	// childStart is how long the server has until its start line, childStop
	// how long to end: a little longer than it takes for itself.
	childStart = 20 * time.Second
	childStop  = shutdownTimeout + 2*time.Second
	// maxTail is how much of the server's log is kept, in bytes.
	maxTail = 4 << 10
)

// child is a `wsticket serve` that bench has started, as a process of its own:
// what the clients use of the processor is not the server's.
type child struct {
	public, internal string // host:port
	stop             func() // ends the process and waits for it
}

// startChild runs this binary with args and returns when it listens.
func startChild(ctx context.Context, env []string, args ...string) (*child, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Its end is stop's business, and not that of ctx: after Ctrl-C it is asked
	// once more what it has used.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(running, binary, args...) //nolint:gosec // ourselves, with our flags
	cmd.Env, cmd.SysProcAttr = env, childAttributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = childStop
	out, log := newFirstLine(), &tail{}
	cmd.Stdout, cmd.Stderr = out, log

	started, exited := make(chan error, 1), make(chan struct{})
	go func() { // ended by end
		defer close(exited)
		// The system may end the child with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	c := &child{stop: func() { end(); <-exited }}
	if err = <-started; err == nil {
		err = c.await(ctx, out, exited)
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("the server did not start: %w%s", err, log.lines())
	}
	return c, nil
}

// await reads the start line.
func (c *child) await(ctx context.Context, out *firstLine, exited <-chan struct{}) error {
	timer := time.NewTimer(childStart)
	defer timer.Stop()
	select {
	case <-out.ready:
	case <-exited:
		return errors.New("it ended")
	case <-timer.C:
		return fmt.Errorf("no start line within %s", childStart)
	case <-ctx.Done():
		return ctx.Err()
	}
	var line struct{ Event, Public, Internal string }
	if err := json.Unmarshal(out.text(), &line); err != nil || line.Event != "listening" {
		return errors.New("its first line is no start line")
	}
	c.public, c.internal = line.Public, line.Internal
	return nil
}

// firstLine keeps what is written up to the first newline, and then closes
// ready.
type firstLine struct {
	ready chan struct{}
	mu    sync.Mutex
	kept  []byte
	full  bool
}

func newFirstLine() *firstLine { return &firstLine{ready: make(chan struct{})} }

// Write implements [io.Writer]. It takes everything and keeps little.
func (f *firstLine) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return len(p), nil
	}
	line, _, ended := bytes.Cut(p, []byte("\n"))
	f.kept = append(f.kept, line...)
	if ended || len(f.kept) > maxTail {
		f.full = true
		close(f.ready)
	}
	return len(p), nil
}

func (f *firstLine) text() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept
}

// tail keeps the end of what is written.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p[max(0, len(p)-maxTail):]...)
	if len(t.kept) > maxTail {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-maxTail:]...)
	}
	return len(p), nil
}

// lines is what was kept, each line indented under a message.
func (t *tail) lines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.kept))
	if text == "" {
		return ""
	}
	return "\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}
