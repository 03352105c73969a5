package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

const (
	// startTime is how long a server has until its start line, stopTime how
	// long until it has ended: a little longer than it takes at most.
	startTime = 20 * time.Second
	stopTime  = 12 * time.Second
)

// process is a `wsticket serve` that was started: a process of its own, so that
// the processor time of the clients is not counted as the server's.
type process struct {
	public, internal string // host:port
	stop             func() // ends the process and waits for it
}

// startProcess runs a wsticket and returns when it listens.
func startProcess(ctx context.Context, p program, args ...string) (*process, error) {
	// The end of ctx does not end it, only stop does: after Ctrl-C its metrics
	// are read once more.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(running, p.file, args...) //nolint:gosec // wsticket, with our flags
	cmd.Env, cmd.SysProcAttr = p.env, childAttributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopTime
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
	s := &process{stop: func() { end(); <-exited }}
	err := <-started
	if err == nil {
		err = s.await(ctx, out, exited)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the server did not start: %w%s", err, log.lines())
	}
	return s, nil
}

// await reads the start line.
func (p *process) await(ctx context.Context, out *firstLine, exited <-chan struct{}) error {
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case <-out.ready:
	case <-exited:
		return errors.New("it ended")
	case <-timer.C:
		return fmt.Errorf("no start line within %s", startTime)
	case <-ctx.Done():
		return ctx.Err()
	}
	var line struct{ Event, Public, Internal string }
	if err := json.Unmarshal(out.text(), &line); err != nil || line.Event != "listening" {
		return errors.New("its first line is no start line")
	}
	p.public, p.internal = line.Public, line.Internal
	return nil
}
