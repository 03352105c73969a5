package podcheck

import (
	"fmt"
	"io"
	"time"
)

// Times are what the end of a pod takes, in the order in which it passes.
type Times struct {
	// Delay is how long wsticket says that it is not ready before it closes
	// anything: drain --delay.
	Delay time.Duration
	// Window is ws.drain_window, over which WebSockets are closed.
	Window time.Duration
	// Rest is for requests in progress, after the window.
	Rest time.Duration
}

// Sleep is how long an application has to wait in its own preStop, in whole
// seconds. The hooks of all containers start together.
func (t Times) Sleep() int64 { return seconds(t.Delay + t.Window) }

// Grace is the least terminationGracePeriodSeconds, if the longest hook takes
// so many seconds: the time that hooks take is taken off it.
func (t Times) Grace(hooks int64) int64 { return max(hooks, t.Sleep()) + seconds(t.Rest) }

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// Print says what to write into a manifest. health is the port of the probes, or
// why there is none.
func (t Times) Print(out io.Writer, health string) error {
	_, err := fmt.Fprintf(out, `after %s without readiness (--delay), WebSockets are closed over %s (ws.drain_window); requests have %s more
wsticket      preStop: {exec: {command: [/wsticket, drain, --delay=%s, --key-file=FILE]}}
application   preStop: {sleep: {seconds: %d}}, or longer
pod           terminationGracePeriodSeconds: %d, or %d more than the longest preStop
probes        startupProbe /startupz, readinessProbe /readyz, livenessProbe /livez, %s
`, t.Delay, t.Window, t.Rest, t.Delay, t.Sleep(), t.Grace(0), seconds(t.Rest), health)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
