//go:build e2e

package e2e_test

import (
	"context"
	"flag"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chaosFor is how long TestChaos breaks things. Once everything has been broken it may
// end, however short this is.
var chaosFor = flag.Duration("chaos", 0, "length of TestChaos (default 60s, with -short 20s)")

// The clients of TestChaos.
const (
	visiting  = 16 // use every door, and present tickets again
	racing    = 3  // present one ticket everywhere at once
	retrying  = 2  // repeat a handshake
	stealing  = 2  // present tickets of others
	staying   = 8  // keep their connection
	attacking = 8
)

// TestChaos lets everything happen at once on three nodes with one Redis: storms of
// clients, backends and proxies that ask, races and replays, hostile clients, an issuer that publishes nonsense, a Redis
// that is killed, frozen, flushed and restored from an old file, nodes that are stopped,
// killed and frozen. Then it counts: each ticket was admitted for one client at most, and
// each admission was won by one client; no output of a process and no file of Redis has a
// secret; what each node has open is back where it was; each process ends with status 0,
// without a panic or a race that the race detector saw. Only these invariants fail the
// test, not how fast anything is.
func TestChaos(t *testing.T) {
	length := *chaosFor
	switch {
	case length > 0:
	case testing.Short():
		length = 20 * time.Second
	default:
		length = time.Minute
	}
	c := newChaos(t)
	everybody := slices.Concat(c.bearers[0], c.bearers[1])
	c.awaitWork(t, everybody...)
	before := c.quiet(t)
	t.Logf("seed %d (-seed repeats the order of faults), %v (-chaos)", *seed, length)

	c.keys.lie(newDice(*seed, 1))
	calm := c.storm(t)
	defer func() { // also where the test ends early
		calm()
		c.ledger.report(t)
	}()
	c.trouble(t, newDice(*seed, 0), length)
	c.keys.repent()
	calm()
	c.awaitWork(t, everybody...)
	c.awaitQuiet(t, before)
	c.stop(t)
	c.search(t)
}

// storm starts all clients. The function that it returns ends them and waits for them.
func (c *chaos) storm(t *testing.T) (calm func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	calm = func() { cancel(); all.Wait() }
	t.Cleanup(calm)
	player := 2
	crowd := func(size int, act func(ctx context.Context, d *dice, player int)) {
		for n := range size {
			d := newDice(*seed, player)
			player++
			all.Go(func() { repeat(ctx, func() { act(ctx, d, n) }) })
		}
	}
	honestly := func(act func(context.Context, *dice)) func(context.Context, *dice, int) {
		return func(ctx context.Context, d *dice, _ int) { act(ctx, d) }
	}
	crowd(visiting, honestly(c.visit))
	crowd(racing, honestly(c.race))
	crowd(retrying, honestly(c.retry))
	crowd(stealing, honestly(c.steal))
	crowd(staying, honestly(c.stay))
	crowd(attacking, c.assault)
	return calm
}

// stop stops all nodes like an orchestrator, and checks how they end.
func (c *chaos) stop(t *testing.T) {
	t.Helper()
	for _, n := range c.nodes {
		n.now().signal(t, syscall.SIGTERM)
		n.wantExit(t)
	}
}

// search searches all outputs for secrets, panics and races.
func (c *chaos) search(t *testing.T) {
	t.Helper()
	places := map[string]string{"what applications got": c.ledger.arrived.String(), "refusals": c.ledger.refusals.String()}
	for _, n := range c.nodes {
		n.outputs(places)
	}
	for where, text := range places {
		for _, word := range []string{"panic", "DATA RACE", "fatal error"} {
			if before, after, found := strings.Cut(text, word); found {
				t.Errorf("%s has %q:\n%s%s%.2000s", where, word, tail(before), word, after)
			}
		}
	}
	c.saveRedis(t)
	maps.Copy(places, c.files)
	search, size := newSearch(c.ledger.secrets), 0
	for where, text := range places {
		size += len(text)
		for _, found := range search.in(text) {
			t.Errorf("%s is in %s, as %q", found.what, where, found.form)
		}
	}
	t.Logf("%d MiB of %d outputs searched for %d secrets", size>>20, len(places), len(c.ledger.secrets))
}
