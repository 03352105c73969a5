package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// How often progress is shown. On a terminal one line is overwritten; elsewhere,
// for instance in the log of a CI job, each is a line.
const (
	progressOnTerminal = 200 * time.Millisecond
	progressElsewhere  = 2 * time.Second
)

// progress shows how far a storm is.
type progress struct {
	out          io.Writer
	terminal     bool
	goal, warmUp string // a time or a number
}

func (c *command) newProgress(out io.Writer) progress {
	p := progress{out: out, goal: c.Duration.String(), warmUp: c.WarmUp.String()}
	if c.Count > 0 {
		p.goal = grouped(c.Count)
	}
	if file, ok := out.(*os.File); ok {
		info, err := file.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// follow shows the counts until the function that it returns is called. That
// returns when nothing more is written.
func (p progress) follow(storm string, warmUp bool, counts func() (succeeded, failed int64)) (stop func()) {
	label := storm + ", up to " + p.goal
	if warmUp {
		label = storm + " (warm-up), up to " + p.warmUp
	}
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
				succeeded, failed := counts()
				p.show(fmt.Sprintf("%s: %s, %s done, %s failed", label,
					time.Since(begin).Round(100*time.Millisecond), grouped(succeeded), grouped(failed)))
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func (p progress) show(line string) {
	if p.terminal {
		// Back to the first column, and erase what stood there (ECMA-48 EL).
		line = "\r" + line + "\x1b[K"
	} else {
		line += "\n"
	}
	// The run does not fail if progress cannot be shown.
	_, _ = io.WriteString(p.out, line)
}

// clear leaves the line to what is printed next.
func (p progress) clear() {
	if p.terminal {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
	}
}
