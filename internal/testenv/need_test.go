package testenv_test

import (
	"testing"

	"wsticket/internal/testenv"
)

// ended records how a helper ended the test, and ends its goroutine there.
type ended struct {
	testing.TB
	skipped bool
}

func (e *ended) Fatalf(string, ...any) { panic(e) }

func (e *ended) Skipf(string, ...any) {
	e.skipped = true
	panic(e)
}

// A missing program skips a test on a developer's machine and fails it in CI.
func TestNeed(t *testing.T) {
	for ci, skipped := range map[string]bool{"": true, "true": false} {
		t.Run("CI="+ci, func(t *testing.T) {
			t.Setenv("CI", ci)
			got := &ended{TB: t}
			defer func() {
				if recover() != got || got.skipped != skipped {
					t.Errorf("skipped: got %v, want %v", got.skipped, skipped)
				}
			}()
			testenv.Need(got, "no-such-program")
		})
	}
}
