package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBenchChildEndsWithItsParent kills a bench, which cannot clean up then.
func TestBenchChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	p := launch(t, "bench", "--storm", "issue", "--duration", "1h", "--callers", "1", "--warm-up", "0s")
	p.stderr.waitFor(t, "up to 1h0m0s: ")
	server := childOf(t, p.cmd.Process.Pid)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	poll, deadline := time.NewTicker(10*time.Millisecond), time.After(patience)
	defer poll.Stop()
	for isRunning(server) {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatal("the server outlives the bench that started it")
		}
	}
}

// childOf finds the process whose parent is pid.
func childOf(t *testing.T, pid int) string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		if fields := statOf(file); len(fields) > 1 && fields[1] == fmt.Sprint(pid) {
			return file
		}
	}
	t.Fatalf("process %d has no child", pid)
	return ""
}

// statOf returns the fields of a process after its name (proc_pid_stat(5)):
// the state, the parent, and others.
func statOf(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil // it has ended
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// isRunning is false also for a process that has ended and that nobody has
// waited for.
func isRunning(file string) bool {
	fields := statOf(file)
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}
