package ws

import (
	"context"
	"fmt"
	"sync"
)

// live counts the handshakes and connections that are under way, so that the
// Handler can be stopped: of what was taken over net/http knows nothing.
type live struct {
	stopping context.Context // ends when the Handler stops
	stop     context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running sync.WaitGroup
}

func newLive() *live {
	l := new(live)
	l.stopping, l.stop = context.WithCancel(context.Background())
	return l
}

// enter counts one more, which leave takes back. It is false where the
// Handler stops.
func (l *live) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.running.Add(1)
	return true
}

func (l *live) leave() { l.running.Done() }

// onStop calls f, in a goroutine of its own, when the Handler stops. It
// returns a function that calls this off and tells whether it came too late.
func (l *live) onStop(f func()) (callOff func() (tooLate bool)) {
	stop := context.AfterFunc(l.stopping, f)
	return func() bool { return !stop() }
}

// Shutdown stops the Handler: handshakes are refused with 503 and spend no
// ticket, and every connection is closed with 1001. It returns when the last
// Endpoint has returned, or when ctx ends, with its error.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.live.mu.Lock()
	h.live.stopped = true
	h.live.mu.Unlock()
	h.live.stop()
	done := make(chan struct{})
	go func() { // ends with the last connection
		h.live.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ws: shutdown: %w", ctx.Err())
	}
}
