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
	// startTimeout limits how long a server may take to start. Usually that is
	// 20 ms, but longer on a machine that runs many tests at once.
	startTimeout = 10 * time.Second
	// startTries limits how often a server is started again because another
	// process may have taken its port.
	startTries = 5
	pollEvery  = 5 * time.Millisecond
)

// process is a running server. A goroutine waits for its end, so that a server
// that cannot start is noticed at once.
type process struct {
	cmd  *exec.Cmd
	dead chan struct{} // closed when the program has ended
}

// start runs a program in dir, with its output in a file there. The caller has to
// register kill or terminate with tb.Cleanup. If the test binary dies without
// running its cleanups, the program gets the signal end.
func start(tb testing.TB, dir string, end syscall.Signal, program string, args ...string) *process {
	tb.Helper()
	return startAs(tb, dir, attributes(end), program, args...)
}

// startAs is start with attributes of the process: who it runs as.
func startAs(tb testing.TB, dir string, attr *syscall.SysProcAttr, program string, args ...string) *process {
	tb.Helper()
	log, err := os.OpenFile(logFile(dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatalf("start %s: %v", program, err)
	}
	defer log.Close() //nolint:errcheck // the server has a descriptor of its own
	cmd := exec.CommandContext(lasting(tb), program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", program, err)
	}
	p := &process{cmd: cmd, dead: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the reason for its end is in its log
		close(p.dead)
	}()
	return p
}

// within polls yes until it returns true, the program has ended, or startTimeout
// is over, and returns the last answer.
func (p *process) within(tb testing.TB, yes func(context.Context) bool) bool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(lasting(tb), startTimeout)
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

// terminate asks the program and its children to end, and kills it if it does not.
// A nil process is already gone.
func (p *process) terminate() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	select {
	case <-p.dead:
	case <-time.After(startTimeout):
		p.kill()
	}
}

// kill ends the program at once, like a power cut, and waits until it is gone. It
// may be called twice.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	<-p.dead
}

func (p *process) signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		tb.Fatalf("%s: signal %s: %v", filepath.Base(p.cmd.Path), sig, err)
	}
}

func logFile(dir string) string { return filepath.Join(dir, "server.log") }

// logTail returns the end of the server's output, for messages of tests.
func logTail(dir string) string {
	const most = 4 << 10
	text, err := os.ReadFile(logFile(dir))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
