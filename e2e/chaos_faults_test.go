//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"wsticket/internal/test"
)

// fault is something that breaks for a while.
type fault struct {
	name       string
	begin, end func(t *testing.T)
	after      func(t *testing.T) // when clients get in again; may be nil
}

// redisFaults returns what happens to Redis.
func (c *chaos) redisFaults() []fault {
	restart := func(*testing.T) { c.redis.Restart() }
	var kept []held
	return []fault{
		{name: "Redis is killed", begin: func(t *testing.T) { t.Helper(); c.saveRedis(t); c.redis.Kill() }, end: restart},
		// Tickets that were spent in the meantime are not spent in the file.
		{name: "Redis goes back to an old state", begin: func(t *testing.T) {
			t.Helper()
			kept = c.hold(t)
			c.saveRedis(t)
			c.presentAll(t, "a ticket that Redis has saved", kept)
		}, end: restart, after: func(t *testing.T) { t.Helper(); c.presentAll(t, "a ticket that Redis has restored", kept) }},
		{name: "Redis freezes", begin: func(*testing.T) { c.redis.Freeze() }, end: func(*testing.T) { c.redis.Thaw() }},
		{name: "Redis is flushed", begin: func(t *testing.T) { t.Helper(); c.tellRedis(t, "flushall") }, end: func(*testing.T) {}},
	}
}

// held is a ticket that is presented later, at a node.
type held struct {
	issued

	node *node
}

// hold gets some tickets of each node that answers.
func (c *chaos) hold(t *testing.T) []held {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hostility)
	defer cancel()
	const each = 4
	found := make(chan held, each*len(c.nodes))
	var all sync.WaitGroup
	for _, n := range c.nodes {
		for range each {
			all.Go(func() {
				if got, ok := c.issue(ctx, "a client that waits", n.now(), c.bearers[0][0]); ok {
					found <- held{got, n}
				}
			})
		}
	}
	all.Wait()
	close(found)
	var tickets []held
	for got := range found {
		tickets = append(tickets, got)
	}
	return tickets
}

// presentAll presents tickets at once.
func (c *chaos) presentAll(t *testing.T, what string, tickets []held) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hostility)
	defer cancel()
	var all sync.WaitGroup
	for _, h := range tickets {
		a, s := c.ledger.begin(relayed, h.ID), h.node.now()
		all.Go(func() {
			_, result, err := dialAndOpen(ctx, s.public, "", doorQuery.handshake(s.public, h.Token, attemptHeader+": "+a.name))
			c.ledger.settle(what, a, result, err)
		})
	}
	all.Wait()
}

// nodeFaults returns what happens to a node. The first node only freezes, so that what
// its process leaks during the whole run adds up.
func (c *chaos) nodeFaults(d *dice) []fault {
	one, other, anyone := c.nodes[1+d.IntN(2)], c.nodes[1+d.IntN(2)], c.nodes[d.IntN(len(c.nodes))]
	signal := func(n *node, sig syscall.Signal) func(*testing.T) {
		return func(t *testing.T) { t.Helper(); n.now().signal(t, sig) }
	}
	return []fault{
		{name: one.name + " gets SIGTERM", begin: signal(one, syscall.SIGTERM), end: func(t *testing.T) {
			t.Helper()
			one.wantExit(t)
			one.start(t)
		}},
		{name: other.name + " is killed", begin: signal(other, syscall.SIGKILL), end: func(t *testing.T) {
			t.Helper()
			other.now().exit(t)
			other.start(t)
		}},
		{name: anyone.name + " freezes", begin: signal(anyone, syscall.SIGSTOP), end: signal(anyone, syscall.SIGCONT)},
		{name: "every node goes on", begin: func(*testing.T) {}, end: func(*testing.T) {}},
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
	if ofRedis.after != nil {
		ofRedis.after(t)
	}
	t.Logf("%-31s + %-31s for %4.1f s, everybody is back after %4.1f s",
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
