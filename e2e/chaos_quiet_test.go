//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"wsticket/internal/test"
)

const (
	// spare is how many more goroutines and descriptors than before a quiet node may
	// have: for a fetch of keys that is under way, or the connection of this test.
	spare = 8
	// mostMemory bounds the resident memory of a node. Most of it is that of the race
	// detector, which takes five to ten times as much as the program.
	mostMemory = 512 << 20
)

// load is what a node has open.
type load struct {
	goroutines, descriptors int // without the connections to Redis
	connections             int // that its listener and its WebSockets count
	resident                int // bytes
}

// load measures a node. It reports false if the node does not answer.
func (c *chaos) load(ctx context.Context, t *testing.T, n *node) (load, bool) {
	t.Helper()
	s := n.now()
	got, err := c.client.send(ctx, http.MethodGet, "http://"+s.internal+"/metrics", "")
	if err != nil || got.status != http.StatusOK {
		return load{}, false
	}
	n.metrics = got.body
	use := test.UseOf(t, s.cmd.Process.Pid)
	// The pool keeps connections for the next storm.
	pool := series(got.body, "wsticket_redis_pool_connections{")
	connections := 0
	for _, counted := range []string{`tcp_connections{listener="public"}`, "connections{", "unauthenticated_connections "} {
		connections += series(got.body, "wsticket_"+counted)
	}
	return load{series(got.body, "go_goroutines "), use.Descriptors - pool, connections, use.Resident}, true
}

// series adds up the values of the series that begin with a prefix.
func series(metrics, prefix string) (sum int) {
	for lines := bufio.NewScanner(strings.NewReader(metrics)); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, prefix) {
			value, _ := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			sum += int(value)
		}
	}
	return sum
}

// quiet returns what a node has open while nothing happens.
func (c *chaos) quiet(t *testing.T) load {
	t.Helper()
	got, ok := c.load(t.Context(), t, c.nodes[0])
	if !ok {
		t.Fatal("a node does not tell its metrics")
	}
	return got
}

// awaitQuiet waits until each node has no more open than at the start.
func (c *chaos) awaitQuiet(t *testing.T, before load) {
	t.Helper()
	start := time.Now()
	t.Logf("at the start a node had %v", before)
	for _, n := range c.nodes {
		c.awaitQuietNode(t, n, before)
	}
	t.Logf("quiet after %v", time.Since(start).Round(time.Millisecond))
}

func (c *chaos) awaitQuietNode(t *testing.T, n *node, before load) {
	t.Helper()
	var now load
	quiet := false
	defer func() {
		t.Logf("%s (%d processes) has %v", n.name, len(n.all), now)
		if !quiet {
			n.now().signal(t, syscall.SIGQUIT) // its log then shows all goroutines
			n.now().exit(t)
		}
	}()
	test.Wait(t, n.name+" is quiet", func() bool {
		c.client.http.CloseIdleConnections()
		var ok bool
		now, ok = c.load(t.Context(), t, n)
		return ok && now.goroutines <= before.goroutines+spare && now.descriptors <= before.descriptors+spare && now.connections == 0
	})
	quiet = true
	if now.resident > mostMemory {
		t.Errorf("%s: got %d bytes of memory, want at most %d", n.name, now.resident, mostMemory)
	}
}

func (l load) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d connections, %d MiB", l.goroutines, l.descriptors, l.connections, l.resident>>20)
}
