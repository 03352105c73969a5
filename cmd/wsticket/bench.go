package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What bench may be asked for at most.
const (
	maxCallers      = 10_000
	maxDuration     = time.Hour
	defaultDuration = 5 * time.Second
	// countDuration bounds --count: a server that answers nothing would
	// otherwise take the time-out for each.
	countDuration = 10 * time.Minute
)

type benchCmd struct {
	URL        string        `name:"url" placeholder:"URL" help:"A running server, such as http://localhost:8080. Without it bench starts one itself."`
	BearerFile string        `placeholder:"FILE" help:"Bearers, one a line; callers take them in turn. - reads standard input. Needed with --url."`
	Internal   string        `placeholder:"URL" help:"Internal listener of --url, such as http://localhost:8081, to read the server's CPU and memory from."`
	Config     string        `short:"c" placeholder:"FILE" help:"Configuration for a server of bench's own. In the environment: WSTICKET_CONFIG. Needs --key or --bearer-file."`
	Key        string        `placeholder:"FILE" help:"Private key (PEM) or shared secret of the first issuer in the configuration. Signs a bearer for each caller."`
	Set        []string      `sep:"none" placeholder:"KEY=VALUE" help:"Sets any key of the configuration of a server of bench's own. May be repeated."`
	Storm      []string      `default:"issue,redeem,connect" enum:"issue,redeem,connect" help:"What to measure (default: issue,redeem,connect)."`
	Callers    int           `default:"16" placeholder:"N" help:"Clients at the same time, each waiting for its answer (default: 16)."`
	Duration   time.Duration `placeholder:"TIME" help:"How long each storm lasts, at most 1h (default: 5s; with --count 10m, as a bound)."`
	Count      int64         `placeholder:"N" help:"So many requests in each storm, instead of a time."`
	WarmUp     time.Duration `name:"warm-up" default:"1s" placeholder:"TIME" help:"How long each storm runs before it is measured (default: 1s)."`
	Timeout    time.Duration `default:"5s" placeholder:"TIME" help:"How long to wait for a connection or an answer, at most 1m (default: 5s)."`
	Origin     string        `placeholder:"URL" help:"Origin header, for servers that demand one."`
	JSON       bool          `name:"json" help:"Print one JSON document."`
}

// Help stands above the flags.
func (*benchCmd) Help() string {
	return `Storms:

    issue    POST /ws-ticket, on a connection that stays open
    redeem   the WebSocket handshake with a ticket, from connecting to the
             101; the tickets are issued before, which is not measured
    connect  one after the other: a ticket, a handshake, the first message
             that the application sends

Callers wait for each answer before they go on, so the figures are those of as many clients, not of arrivals at a fixed rate. Latencies are exact to 1 % and those of successes; each WebSocket is closed before its caller goes on, which counts in the throughput and not in the latency. Server and clients share this machine's processors unless --url is elsewhere.

Without --url, bench starts a server on free ports of the loopback, without TLS, and ends it afterwards: with --config and --key as that file says, else with the memory store, no limits and a key made on the spot.

Examples:

    wsticket bench
    wsticket bench --storm issue --callers 64 --duration 30s
    wsticket bench --config wsticket.yaml --key issuer.pem --set limits.per_address=0 --set limits.per_subject=0
    wsticket token --sub alice --key issuer.pem --config wsticket.yaml | wsticket bench --url http://localhost:8080 --internal http://localhost:8081 --bearer-file -
    wsticket bench --json | jq '.storms[] | [.storm, .per_second, .latency_ms.p99]'

Ctrl-C ends it early and prints what there is. Exit status 1 where a storm had no success at all. Measure only servers that are yours: this is load.`
}

// Run makes the storms one after the other and prints the report.
func (c *benchCmd) Run(ctx context.Context, w world) error {
	if err := c.check(w); err != nil {
		return usageError{err}
	}
	m, err := c.open(ctx, w)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer m.close()
	b, err := c.prepare(ctx, w, m)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	r := report{Version: version, URL: m.base.String(), Server: m.what, Callers: c.Callers}
	fault := c.storms(ctx, b, &r)
	switch {
	case len(r.Storms) == 0:
	case c.JSON:
		fault = errors.Join(r.writeJSON(w.Stdout), fault)
	default:
		fault = errors.Join(r.writeText(w.Stdout), fault)
	}
	return fault
}

// storms adds each storm to the report. One without any success is the last:
// the next would need what it could not get.
func (c *benchCmd) storms(ctx context.Context, b *bench, r *report) error {
	for _, name := range []string{stormIssue, stormRedeem, stormConnect} {
		if !slices.Contains(c.Storm, name) || ctx.Err() != nil {
			continue
		}
		counted := b.run(ctx, name)
		r.Interrupted = ctx.Err() != nil
		if r.Interrupted && counted.succeeded()+counted.failed.Load() == 0 {
			break // in the warm-up
		}
		r.Storms = append(r.Storms, newStormReport(name, counted))
		if counted.succeeded() == 0 {
			return fmt.Errorf("bench: %s: nothing succeeded", name)
		}
	}
	if len(r.Storms) == 0 {
		return errors.New("bench: interrupted before anything was measured")
	}
	return nil
}

// check finds what is wrong with the flags, and puts in defaults that depend
// on others.
func (c *benchCmd) check(w world) error {
	var f faults
	f.check(c.Callers >= 1 && c.Callers <= maxCallers, "bench: --callers: must be 1 to %d (got %d)", maxCallers, c.Callers)
	f.check(c.Count >= 0, "bench: --count: must be positive (got %d)", c.Count)
	f.check(c.Duration >= 0 && c.Duration <= maxDuration, "bench: --duration: must be positive and at most %s (got %s)", maxDuration, c.Duration)
	f.check(c.WarmUp >= 0 && c.WarmUp <= maxDuration, "bench: --warm-up: must be 0s to %s (got %s)", maxDuration, c.WarmUp)
	f.check(c.Timeout > 0 && c.Timeout <= time.Minute, "bench: --timeout: must be positive and at most 1m (got %s)", c.Timeout)
	f.check(!strings.ContainsAny(c.Origin, " \r\n"), "bench: --origin: must be an origin")
	if c.URL != "" {
		c.checkRunning(&f)
	} else {
		c.checkOwn(&f, c.Config != "" || w.getenv(configEnv) != "")
	}
	if c.Duration == 0 {
		c.Duration = defaultDuration
		if c.Count > 0 {
			c.Duration = countDuration
		}
	}
	return errors.Join(f...)
}

// checkRunning looks at the flags for a server that runs.
func (c *benchCmd) checkRunning(f *faults) {
	_, err := baseURL(c.URL)
	f.check(err == nil, "bench: --url: %v", err)
	if c.Internal != "" {
		_, err := baseURL(c.Internal)
		f.check(err == nil, "bench: --internal: %v", err)
	}
	f.check(c.BearerFile != "", "bench: --url: needs --bearer-file")
	f.check(c.Config == "" && c.Key == "" && len(c.Set) == 0, "bench: --url: cannot be configured from here (--config, --key, --set)")
}

// checkOwn looks at the flags for a server that is to be started.
func (c *benchCmd) checkOwn(f *faults, configured bool) {
	f.check(c.Internal == "", "bench: --internal: is for --url")
	f.check(c.Config == "" || c.Key != "" || c.BearerFile != "", "bench: --config: needs --key or --bearer-file")
	f.check(c.Key == "" || c.BearerFile == "", "bench: --key: not together with --bearer-file")
	f.check(c.Key == "" && c.BearerFile == "" || configured, "bench: --key and --bearer-file: need --config or --url")
}

// baseURL reads scheme://host[:port]. What is wrong is not repeated where it
// may be a password.
func baseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("must be http(s)://host[:port] and nothing more")
	}
	return u, nil
}
