package main

import (
	"bytes"
	"strings"
	"sync"
)

// maxTail bounds what is kept of the output of a process, in bytes.
const maxTail = 4 << 10

// firstLine keeps what is written up to the first newline, and then closes
// ready.
type firstLine struct {
	ready chan struct{}
	mu    sync.Mutex
	kept  []byte
	full  bool
}

func newFirstLine() *firstLine { return &firstLine{ready: make(chan struct{})} }

// Write implements [io.Writer]. It accepts everything and keeps little.
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

// lines returns what was kept, each line indented under a message.
func (t *tail) lines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.kept))
	if text == "" {
		return ""
	}
	return "\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}
