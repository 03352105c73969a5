package memstore

import (
	"strings"
	"testing"
)

// The default clock has a monotonic reading, which is independent of steps of
// the wall clock.
func TestMonotonicClock(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if text := s.start.String(); !strings.Contains(text, " m=") {
		t.Errorf("start: got %s, want a monotonic reading", text)
	}
}
