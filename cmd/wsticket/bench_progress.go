package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// How often progress is shown: on a terminal one line is written over and
// over; elsewhere, for instance in the log of a CI job, each is a line.
const (
	progressOnTerminal = 200 * time.Millisecond
	progressElsewhere  = 2 * time.Second
)

// progress shows how far a storm is.
type progress struct {
	out      io.Writer
	terminal bool
}

func newProgress(out io.Writer) progress {
	file, ok := out.(*os.File)
	if !ok {
		return progress{out: out}
	}
	info, err := file.Stat()
	return progress{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// follow shows what is counted on the way to goal, a time or a number, until
// the function that it returns is called. That returns when nothing more is
// written.
func (p progress) follow(label, goal string, t *tally) (stop func()) {
	every := progressElsewhere
	if p.terminal {
		every = progressOnTerminal
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		begin := time.Now()
		for {
			select {
			case <-quit:
				p.clear()
				return
			case <-tick.C:
				p.show(label, goal, time.Since(begin), t)
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func (p progress) show(label, goal string, passed time.Duration, t *tally) {
	line := fmt.Sprintf("%s, up to %s: %s, %s done, %s failed", label, goal,
		passed.Round(100*time.Millisecond), grouped(t.succeeded()), grouped(t.failed.Load()))
	if p.terminal {
		// Back to the first column, and erase what stood there (ECMA-48 EL).
		line = "\r" + line + "\x1b[K"
	} else {
		line += "\n"
	}
	// Nobody can be told that progress cannot be shown.
	_, _ = io.WriteString(p.out, line)
}

// clear leaves the line to what is printed next.
func (p progress) clear() {
	if p.terminal {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
	}
}
