package testenv

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// process is a started server. A goroutine waits for its end, so that an
// early death is noticed at once; kill ends both.
type process struct {
	cmd  *exec.Cmd
	dead chan struct{} // closed when the program has ended
}

// start runs a program whose output goes to a file in dir. It does not stop
// by itself: the caller registers kill with tb.Cleanup.
func start(tb testing.TB, dir, program string, args ...string) *process {
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
	cmd.SysProcAttr = attributes()
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
