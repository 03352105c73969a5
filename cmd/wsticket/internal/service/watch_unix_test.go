//go:build unix

package service

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wsticket/internal/test"
)

// A pipe is not read, and a very long file not to its end.
func TestWatchedFilesOfOtherKinds(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if digestOf(pipe) != digestOf(t.TempDir()) {
		t.Error("a pipe and a folder differ")
	}
	long := strings.Repeat("a", maxWatched)
	if digestOf(test.WriteFile(t, "long", long)) != digestOf(test.WriteFile(t, "longer", long+"b")) {
		t.Error("a file was read beyond the bound")
	}
}
