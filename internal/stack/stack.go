// Package stack names the functions on the stack of a panic, without their
// arguments and without the panic's value, either of which may hold a secret.
package stack

import (
	"fmt"
	"path"
	"runtime"
)

// maxFrames bounds the stack.
const maxFrames = 32

// Frames lists the callers of the function that panicked, innermost first. It
// is called by the deferred function that recovers.
func Frames() []string {
	var counters [maxFrames]uintptr
	// Skipped: runtime.Callers, this function, and the deferred one.
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters[:])])
	var lines []string
	for {
		frame, more := frames.Next()
		lines = append(lines, fmt.Sprintf("%s %s:%d", frame.Function, path.Base(frame.File), frame.Line))
		if !more {
			return lines
		}
	}
}
