package test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Output collects what a process or a logger writes, and lets a test wait for
// it. The zero value is ready to use, also by several goroutines at once.
type Output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ended bool
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// End tells the output that nothing more will be written, for example because
// the process has exited. It makes [Output.WaitFor] fail early.
func (o *Output) End() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
}

// String returns everything that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// WaitFor waits for a complete line that contains all of the parts and returns
// the first one, without its line feed. It fails the test if there is no such
// line within [Patience], or at [Output.End].
func (o *Output) WaitFor(tb testing.TB, parts ...string) string {
	tb.Helper()
	found, line := false, ""
	defer func() {
		if !found {
			tb.Logf("the output:\n%s", o)
		}
	}()
	from := 0
	Wait(tb, fmt.Sprintf("a line of the output with %q", parts), func() bool {
		lines, ended := o.lines(from)
		from += len(lines)
		if line, found = lineWith(lines, parts); !found && ended {
			tb.Fatalf("no line with %q in the whole output", parts)
		}
		return found
	})
	return line
}

// lines returns the complete lines from an offset on, and reports whether no
// more will follow.
func (o *Output) lines(from int) (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.text.Bytes()[from:]
	if !o.ended {
		text = text[:bytes.LastIndexByte(text, '\n')+1]
	}
	return string(text), o.ended
}

func lineWith(lines string, parts []string) (string, bool) {
next:
	for line := range strings.Lines(lines) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		return strings.TrimSuffix(line, "\n"), true
	}
	return "", false
}
