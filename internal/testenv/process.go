package testenv

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is how long a server may take until it answers. It takes
	// 20 ms; a machine that runs many tests at once takes longer.
	startTimeout = 10 * time.Second
	// startTries bounds how often a port is taken by somebody else.
	startTries = 5
	pollEvery  = 5 * time.Millisecond
)

// process is a started server. A goroutine waits for its end, so that an
// early death is noticed at once; kill ends both.
type process struct {
	cmd  *exec.Cmd
	dead chan struct{} // closed when the program has ended
}

// start runs a program whose output goes to a file in dir. It does not stop
// by itself: the caller registers kill or terminate with tb.Cleanup. Where the
// test binary dies without its cleanups, the program gets the signal end.
func start(tb testing.TB, dir string, end syscall.Signal, program string, args ...string) *process {
	tb.Helper()
	log, err := os.OpenFile(logFile(dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatalf("start %s: %v", program, err)
	}
	defer log.Close() //nolint:errcheck // the server has its own copy of the descriptor
	// The test's context ends before its cleanups run, and those may still
	// ask the server something.
	ctx := context.WithoutCancel(tb.Context())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = attributes(end)
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", program, err)
	}
	p := &process{cmd: cmd, dead: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.dead)
	}()
	return p
}

// within asks until the answer is yes, the program has ended, or startTimeout
// is over.
func (p *process) within(tb testing.TB, yes func(context.Context) bool) bool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !yes(ctx) {
		select {
		case <-ctx.Done():
			return false
		case <-p.dead:
			return false
		case <-tick.C:
		}
	}
	return true
}

// terminate asks the program to end, with its children, and kills it where it
// does not. There may be none.
func (p *process) terminate() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error says that it has ended already
	select {
	case <-p.dead:
	case <-time.After(startTimeout):
		p.kill()
	}
}

// kill ends the program as a power cut would and waits until it is gone.
// Killing twice is no error.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error says that it has ended already
	<-p.dead
}

func (p *process) signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		tb.Fatalf("%s: signal %s: %v", filepath.Base(p.cmd.Path), sig, err)
	}
}

func logFile(dir string) string { return filepath.Join(dir, "server.log") }

// logTail returns the end of what the server printed, for messages of tests.
func logTail(dir string) string {
	const most = 4 << 10
	text, err := os.ReadFile(logFile(dir))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
