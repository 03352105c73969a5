package stack_test

import (
	"strings"
	"testing"

	"wsticket/internal/stack"
)

// The innermost line is the one that panicked, and no line has an argument or
// the panic's value.
func TestFrames(t *testing.T) {
	const secret = "MARKER-7f3a"
	var lines []string
	func() {
		defer func() {
			_ = recover()
			lines = stack.Frames()
		}()
		fail(secret)
	}()
	all := strings.Join(lines, "\n")
	if !strings.Contains(all, "stack_test.fail stack_test.go:") || !strings.Contains(all, "TestFrames") || strings.Contains(all, secret) {
		t.Errorf("got\n%s\nwant fail and TestFrames, without the argument", all)
	}
}

//go:noinline
func fail(text string) { panic(text) }
