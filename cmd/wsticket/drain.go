package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"wsticket/api"
)

// drainTimeout bounds a drain without its delay: the longest ws.drain_window, and what
// closing may take after it.
const drainTimeout = 11 * time.Minute

type drainCmd struct {
	operator

	Delay time.Duration `placeholder:"TIME" help:"How long the service says that it drains before it closes the first connection, so that balancers see it, such as 5s. At most 10m. Default: none."`
}

// Run drains the service and returns when it is done. It is for the hook of a platform
// that runs before the service gets its signal.
func (c *drainCmd) Run(ctx context.Context, w world) error {
	if c.Delay < 0 || c.Delay > api.MaxDrainDelay {
		return usageError{errors.New("--delay: must be 0s to 10m")}
	}
	c.timeout = c.Delay + drainTimeout
	// The service takes whole seconds: a part of one counts as one.
	body := map[string]int64{}
	if seconds := int64((c.Delay + time.Second - 1) / time.Second); seconds > 0 {
		body["delay"] = seconds
	}
	var answer struct{ Connections, Closed, Cut int }
	if err := c.call(ctx, w, http.MethodPost, "/drain", body, &answer, http.StatusOK); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if err := say(w.Stdout, "drained %d of %d connections, %d of them cut", answer.Closed, answer.Connections, answer.Cut); err != nil {
		return err
	}
	if left := answer.Connections - answer.Closed; left > 0 {
		return fmt.Errorf("drain: %d connections are left", left)
	}
	return nil
}
