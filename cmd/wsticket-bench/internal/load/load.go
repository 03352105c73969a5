// Package load makes load on a wsticket: clients that get tickets, redeem them
// in WebSocket handshakes, and measure how long the server takes.
package load

import (
	"context"
	"net/url"
	"time"
)

// The storms by name: what the callers of one run do repeatedly.
const (
	// Issue is POST /ws-ticket on a connection that stays open.
	Issue = "issue"
	// Redeem is a WebSocket handshake with a ticket from a stock whose issuing
	// is not measured, from connecting to the 101.
	Redeem = "redeem"
	// Connect is a ticket, a handshake and the application's first message.
	Connect = "connect"
)

// Options are the settings of a [Generator].
type Options struct {
	// Base is the server: scheme, host and port.
	Base *url.URL
	// Origin is the Origin header of every request; empty for none.
	Origin string
	// Bearers are assigned to the callers in turn. At least one.
	Bearers []string
	// Callers is how many clients there are at the same time, each of which
	// waits for its answer before it goes on. At least one.
	Callers int
	// Count is the number of requests of a storm; 0 for as many as fit into
	// Duration.
	Count int64
	// Duration bounds a storm. Positive.
	Duration time.Duration
	// WarmUp is how long a storm runs before it is measured.
	WarmUp time.Duration
	// Timeout bounds each step of a request: connecting, an answer. Positive.
	Timeout time.Duration
	// Meter reads what the server uses.
	Meter Meter
	// Follow is called when a storm or its warm-up begins, and shows the
	// progress until the function that it returns is called. The counts may be
	// asked for at any time in between.
	Follow func(storm string, warmUp bool, counts func() (succeeded, failed int64)) (stop func())
}

// Generator makes storms against one server. It is not safe for concurrent use.
type Generator struct {
	options Options
	callers []*caller
}

// New returns a generator. It connects to the server once, and fails if that
// fails.
func New(ctx context.Context, o Options) (*Generator, error) {
	to, err := resolve(ctx, o.Base, o.Origin, o.Timeout)
	if err != nil {
		return nil, err
	}
	g := &Generator{options: o}
	for n := range o.Callers {
		g.callers = append(g.callers, newCaller(to, o.Bearers[n%len(o.Bearers)]))
	}
	return g, nil
}

// Run makes one storm: a warm-up that is not counted, and then the measured
// part. When ctx ends it returns early, with what was measured until then.
func (g *Generator) Run(ctx context.Context, storm string) *Result {
	defer g.disconnect()
	o := g.options
	if o.WarmUp > 0 {
		warming := newTally()
		stop := o.Follow(storm, true, warming.counts)
		g.storm(ctx, storm, bounds{0, o.WarmUp}, warming, Unmetered)
		stop()
	}
	counted := newTally()
	stop := o.Follow(storm, false, counted.counts)
	g.storm(ctx, storm, bounds{o.Count, o.Duration}, counted, o.Meter)
	stop()
	return counted.result()
}

// disconnect closes the connections that callers have kept open.
func (g *Generator) disconnect() {
	for _, c := range g.callers {
		c.disconnect()
	}
}
