package pause_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/pause"
)

func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if !pause.For(t.Context(), time.Minute) || time.Since(start) != time.Minute {
			t.Errorf("For(1m) took %s", time.Since(start))
		}
		took := make(map[time.Duration]bool)
		for range 10 {
			start = time.Now()
			if lasts := pause.About(t.Context(), time.Minute); !lasts || time.Since(start) < time.Minute/2 || time.Since(start) > time.Minute {
				t.Errorf("About(1m) took %s", time.Since(start))
			}
			took[time.Since(start)] = true
		}
		if len(took) < 2 {
			t.Errorf("About(1m) always took %v", took)
		}
		if !pause.About(t.Context(), 0) {
			t.Error("About(0) says that the context has ended")
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start = time.Now()
		if pause.For(ctx, time.Minute) || time.Since(start) != time.Second {
			t.Errorf("For took %s, want it to end with the context", time.Since(start))
		}
	})
}

func TestOutlast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		late, stop := pause.Outlast(ctx, time.Minute)
		cancel()
		start := time.Now()
		<-late.Done()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it ended after %s, want 1m", took)
		}
		stop()
		late, stop = pause.Outlast(t.Context(), time.Minute)
		if late.Err() != nil {
			t.Error("it ended before its context")
		}
		stop()
		<-late.Done()
	})
}
