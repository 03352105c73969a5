//go:build e2e

package e2e_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"wsticket/internal/test"
)

// fault is something that breaks for a while.
type fault struct {
	name       string
	begin, end func(t *testing.T)
}

// redisFaults returns what happens to Redis.
func (c *chaos) redisFaults() []fault {
	restart := func(*testing.T) { c.redis.Restart() }
	return []fault{
		{"Redis is killed", func(t *testing.T) { t.Helper(); c.saveRedis(t); c.redis.Kill() }, restart},
		// Tickets that were spent in the meantime are not spent in the file.
		{"Redis goes back to an old state", c.saveRedis, restart},
		{"Redis freezes", func(*testing.T) { c.redis.Freeze() }, func(*testing.T) { c.redis.Thaw() }},
		{"Redis is flushed", func(t *testing.T) { t.Helper(); c.tellRedis(t, "flushall") }, func(*testing.T) {}},
	}
}

// nodeFaults returns what happens to a node. The first node only freezes, so that what
// its process leaks during the whole run adds up.
func (c *chaos) nodeFaults(d *dice) []fault {
	one, other, anyone := c.nodes[1+d.IntN(2)], c.nodes[1+d.IntN(2)], c.nodes[d.IntN(len(c.nodes))]
	signal := func(n *node, sig syscall.Signal) func(*testing.T) {
		return func(t *testing.T) { t.Helper(); n.now().signal(t, sig) }
	}
	return []fault{
		{one.name + " gets SIGTERM", signal(one, syscall.SIGTERM), func(t *testing.T) {
			t.Helper()
			one.wantExit(t)
			one.start(t)
		}},
		{other.name + " is killed", signal(other, syscall.SIGKILL), func(t *testing.T) {
			t.Helper()
			other.now().exit(t)
			other.start(t)
		}},
		{anyone.name + " freezes", signal(anyone, syscall.SIGSTOP), signal(anyone, syscall.SIGCONT)},
		{"every node goes on", func(*testing.T) {}, func(*testing.T) {}},
	}
}

// saveRedis lets Redis write its file, and keeps what it has written.
func (c *chaos) saveRedis(t *testing.T) {
	t.Helper()
	c.tellRedis(t, "save")
	files := make(map[string]string)
	readFiles(t, files, c.dir)
	for name, text := range files {
		c.files[fmt.Sprint("file of Redis ", len(c.files), " ", name)] = text
	}
}

// tellRedis sends a command until it has succeeded: a disk may be slow.
func (c *chaos) tellRedis(t *testing.T, command string) {
	t.Helper()
	test.Wait(t, "Redis did "+command, func() bool {
		_, err := c.redis.Ask(t.Context(), command)
		return err == nil
	})
}

// wantExit checks the exit status of a process that was asked to end. That of the race
// detector is 66.
func (n *node) wantExit(t *testing.T) {
	t.Helper()
	if code := n.now().exit(t); code != 0 {
		t.Errorf("%s: exit status: got %d, want 0", n.name, code)
	}
}

// trouble breaks things until the time is over, but each of them at least once: in each
// round something of Redis and something of a node. After each round clients get in
// again at every node.
func (c *chaos) trouble(t *testing.T, d *dice, length time.Duration) {
	t.Helper()
	start := time.Now()
	for rounds := 0; time.Since(start) < length; {
		ofRedis, ofNodes := c.redisFaults(), c.nodeFaults(d)
		d.Shuffle(len(ofRedis), func(i, j int) { ofRedis[i], ofRedis[j] = ofRedis[j], ofRedis[i] })
		d.Shuffle(len(ofNodes), func(i, j int) { ofNodes[i], ofNodes[j] = ofNodes[j], ofNodes[i] })
		for n := range ofRedis {
			if rounds >= len(ofRedis) && time.Since(start) >= length {
				break
			}
			c.round(t, d, ofRedis[n], ofNodes[n])
			rounds++
		}
	}
	t.Logf("%v of faults", time.Since(start).Round(time.Second))
}

func (c *chaos) round(t *testing.T, d *dice, ofRedis, ofNode fault) {
	t.Helper()
	both := []fault{ofRedis, ofNode}
	d.Shuffle(2, func(i, j int) { both[i], both[j] = both[j], both[i] })
	start := time.Now()
	for _, f := range both {
		c.ledger.count("fault", f.name)
		f.begin(t)
		pause(t, time.Duration(300+d.IntN(1200))*time.Millisecond)
	}
	// A node starts only with a Redis that answers.
	ofRedis.end(t)
	ofNode.end(t)
	broken := time.Since(start)
	c.awaitWork(t, c.bearers[0]...)
	t.Logf("%-32s + %-22s for %4.1f s, everybody is back after %4.1f s",
		both[0].name, both[1].name, broken.Seconds(), (time.Since(start) - broken).Seconds())
}

// pause lets a fault last.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
