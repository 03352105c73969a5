package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"wsticket/cmd/wsticket-bench/internal/load"
	"wsticket/internal/buildinfo"
)

type command struct {
	URL        string        `name:"url" placeholder:"URL" help:"A running server, such as http://localhost:8080. Without it wsticket-bench starts one itself."`
	BearerFile string        `placeholder:"FILE" help:"File with bearers, one per line, which callers take in turn. - reads standard input. Required with --url."`
	Internal   string        `placeholder:"URL" help:"Internal listener of --url, such as http://localhost:8081, to read the server's CPU and memory from."`
	Wsticket   string        `placeholder:"FILE" help:"The wsticket to start. Default: the one next to this program, or else the one in PATH."`
	Config     string        `short:"c" placeholder:"FILE" help:"Configuration of the server that is started. In the environment: WSTICKET_CONFIG. Requires --key or --bearer-file."`
	Key        string        `placeholder:"FILE" help:"Private key (PEM) or shared secret of the first issuer in the configuration. Signs a bearer for each of up to 256 callers."`
	Set        []string      `sep:"none" placeholder:"KEY=VALUE" help:"Sets any key of the configuration of the server that is started. May be repeated."`
	Storm      []string      `default:"issue,redeem,connect" enum:"issue,redeem,connect" help:"What to measure (default: issue,redeem,connect)."`
	Callers    int           `default:"16" placeholder:"N" help:"Clients at the same time, each waiting for its answer (default: 16)."`
	Duration   time.Duration `placeholder:"TIME" help:"How long each storm lasts, at most 1h (default: 5s; with --count 10m, as a limit)."`
	Count      int64         `placeholder:"N" help:"Number of requests in each storm, instead of a duration."`
	WarmUp     time.Duration `name:"warm-up" default:"1s" placeholder:"TIME" help:"How long each storm runs before it is measured (default: 1s)."`
	Timeout    time.Duration `default:"5s" placeholder:"TIME" help:"How long to wait for a connection or an answer, at most 1m (default: 5s)."`
	Origin     string        `placeholder:"URL" help:"Origin header, for servers that require one."`
	JSON       bool          `name:"json" help:"Print one JSON document."`
}

const description = `Measures how fast a wsticket issues and redeems tickets.

Storms:

    issue    POST /ws-ticket, on a connection that stays open
    redeem   the WebSocket handshake with a ticket, from connecting to the
             101; the tickets are issued before, which is not measured
    connect  one after the other: a ticket, a handshake, the first message
             that the application sends

Each caller waits for its answer before it sends the next request, so the figures are those of so many clients, not of requests at a fixed rate. Latencies are exact to 0.1 % and count successes only. A caller closes its WebSocket before it goes on, which counts in the throughput but not in the latency. Server and clients share the processors of this machine unless --url is elsewhere.

Without --url, a wsticket is started on free loopback ports, without TLS, and stopped afterwards: with --config and --key it uses that configuration, otherwise the memory store, no limits and a new key.

Examples:

    wsticket-bench
    wsticket-bench --storm issue --callers 64 --duration 30s
    wsticket-bench --config wsticket.yaml --key issuer.pem --set limits.per_address=0 --set limits.per_subject=0
    wsticket token --sub alice --key issuer.pem --config wsticket.yaml | wsticket-bench --url http://localhost:8080 --internal http://localhost:8081 --bearer-file -
    wsticket-bench --json | jq '.storms[] | [.storm, .per_second, .latency_ms.p99]'

Ctrl-C stops it early and prints what was measured until then. Measure only your own servers: this puts load on them.

Exit status: 0 success, 1 failure or a storm without any success, 2 wrong usage.`

// run makes the storms one after the other and prints the report.
func (c *command) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	s, err := c.open(ctx, stdin)
	if err != nil {
		return err
	}
	defer s.close()
	generator, err := load.New(ctx, load.Options{
		Base: s.base, Origin: c.Origin, Bearers: s.bearers,
		Callers: c.Callers, Count: c.Count, Duration: c.Duration, WarmUp: c.WarmUp, Timeout: c.Timeout,
		Meter: s.meter, Follow: c.newProgress(stderr).follow,
	})
	if err != nil {
		return err
	}
	r := report{Version: buildinfo.Read().Version, URL: s.base.String(), Server: s.what, Callers: c.Callers}
	fault := c.storms(ctx, generator, &r)
	switch {
	case len(r.Storms) == 0:
	case c.JSON:
		fault = errors.Join(r.writeJSON(stdout), fault)
	default:
		fault = errors.Join(r.writeText(stdout), fault)
	}
	return fault
}

// storms adds each storm to the report. One without any success is the last,
// because the next would need what it did not get.
func (c *command) storms(ctx context.Context, generator *load.Generator, r *report) error {
	for _, name := range []string{load.Issue, load.Redeem, load.Connect} {
		if !slices.Contains(c.Storm, name) || ctx.Err() != nil {
			continue
		}
		result := generator.Run(ctx, name)
		r.Interrupted = ctx.Err() != nil
		if r.Interrupted && result.Succeeded()+result.Failed == 0 {
			break // in the warm-up
		}
		r.Storms = append(r.Storms, newStormReport(name, result))
		if result.Succeeded() == 0 {
			return fmt.Errorf("%s: nothing succeeded", name)
		}
	}
	if len(r.Storms) == 0 {
		return errors.New("interrupted before anything was measured")
	}
	return nil
}
