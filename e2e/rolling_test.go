//go:build e2e

package e2e_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

const (
	// stayers are the clients that stay connected during a rolling restart, and chatter
	// the time between two messages of each.
	stayers = 60
	chatter = 100 * time.Millisecond
)

// TestRollingRestart replaces three replicas behind a balancer one after the other, while
// clients are connected and send messages: a new process, `wsticket drain` for the old
// one, SIGTERM. Each connection that ends has a close frame with 1001, and each client is
// back with a new ticket. With -previous the replicas are upgraded from another version.
func TestRollingRestart(t *testing.T) {
	f := newFleet(t, newIssuer(t), testenv.Redis(t))
	f.restartAll(t)
}

// fleet is some replicas behind a balancer, which are replaced, and the clients that stay
// connected to them.
type fleet struct {
	idp      issuer
	config   string
	settings []string
	balancer *balancer
	replicas []server
	client   *client
	clients  []*stayer
	// opened counts the handshakes that were accepted, denied those that got 401, and
	// failed what else came of an attempt to connect.
	opened, denied, failed atomic.Int64
}

// stayer is a client that connects again whenever its connection ends.
type stayer struct {
	bearer string
	online atomic.Bool
	mu     sync.Mutex
	closes []websocket.StatusCode // -1: without a close frame
	errs   []error
}

// restarts returns how many of the client's connections have ended.
func (c *stayer) restarts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.closes)
}

// newFleet starts the replicas, of the version that -previous names.
func newFleet(t *testing.T, idp issuer, redis *testenv.RedisServer, settings ...string) *fleet {
	t.Helper()
	key := rand.Text()
	digest := sha256.Sum256([]byte(key))
	idp.write(t, "ops.key", []byte(key))
	f := &fleet{
		idp: idp, config: idp.config(t, redis.URL()+patientStore), balancer: newBalancer(t), client: newClient(t),
		settings: append([]string{
			"ws.drain_window=1s",
			fmt.Sprintf("internal.api_keys=[{name: ops, sha256: %q, scopes: [read, revoke]}]", hex.EncodeToString(digest[:])),
		}, settings...),
	}
	old := build
	if *previous != "" {
		old = func() (string, error) { return *previous, nil }
	}
	for range replicas {
		s := serveBuilt(t, old, f.config, f.settings...)
		f.replicas = append(f.replicas, s)
		f.balancer.add(s)
	}
	test.Wait(t, "the balancer has all replicas", func() bool { return f.balancer.is(f.replicas...) })
	return f
}

// restartAll replaces all replicas while clients are connected, and checks how their
// connections have ended.
func (f *fleet) restartAll(t *testing.T) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var all sync.WaitGroup
	bearers := []string{f.idp.bearer(t, "alice"), f.idp.bearer(t, "bob"), f.idp.bearer(t, "carol")}
	for i := range stayers {
		c := &stayer{bearer: bearers[i%len(bearers)]}
		f.clients = append(f.clients, c)
		all.Go(func() { f.stay(ctx, c) })
	}
	f.awaitAll(t)
	for i := range f.replicas {
		start := time.Now()
		f.replace(t, i)
		replaced := time.Since(start)
		f.awaitAll(t)
		t.Logf("replica %d is replaced after %v, and all clients are back after %v", i, replaced.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
	}
	// A client may not have read the end of its last connection yet.
	test.Wait(t, "each client has seen a restart and is back", func() bool {
		return !slices.ContainsFunc(f.clients, func(c *stayer) bool { return c.restarts() == 0 || !c.online.Load() })
	})
	leave()
	all.Wait()
	total := 0
	for n, c := range f.clients {
		total += len(c.closes)
		for i, code := range c.closes {
			if code != websocket.StatusGoingAway {
				t.Errorf("client %d: closed with %d, want 1001: %v", n, code, c.errs[i])
			}
		}
	}
	t.Logf("%d clients: %d connections, %d closes with 1001, %d attempts that did not connect, %d of them because of the ticket or bearer",
		stayers, f.opened.Load(), total, f.failed.Load(), f.denied.Load())
	// Another version may have another format of tickets: see docs/upgrade.md.
	if n := f.denied.Load(); n != 0 && *previous == "" {
		t.Errorf("%d tickets or bearers were refused, want none", n)
	}
}

// awaitAll waits until all clients are connected.
func (f *fleet) awaitAll(t *testing.T) {
	t.Helper()
	test.Wait(t, "all clients are connected", func() bool {
		return !slices.ContainsFunc(f.clients, func(c *stayer) bool { return !c.online.Load() })
	})
}

// replace starts a new process in place of a replica, drains the old one as a preStop
// hook does, and ends it.
func (f *fleet) replace(t *testing.T, i int) {
	t.Helper()
	old, fresh := f.replicas[i], serve(t, f.config, f.settings...)
	f.balancer.add(fresh)
	out, err := program(t.Context(), t, "drain", "--url", "http://"+old.internal, "--key-file", f.idp.file("ops.key"), "--delay", "500ms").CombinedOutput()
	if err != nil {
		t.Errorf("drain: %v\n%s", err, out)
	}
	f.balancer.remove(old)
	if code := old.terminate(t); code != 0 {
		t.Errorf("exit status: got %d, want 0", code)
	}
	f.replicas[i] = fresh
}

// stay keeps a client connected until ctx ends.
func (f *fleet) stay(ctx context.Context, c *stayer) {
	for ctx.Err() == nil {
		conn, err := f.connect(ctx, c.bearer)
		if err != nil {
			f.failed.Add(1)
			select { // a pause
			case <-ctx.Done():
			case <-time.After(between):
			}
			continue
		}
		f.opened.Add(1)
		c.online.Store(true)
		err = talk(ctx, conn)
		if ctx.Err() == nil {
			c.online.Store(false)
			c.mu.Lock()
			c.closes, c.errs = append(c.closes, websocket.CloseStatus(err)), append(c.errs, err)
			c.mu.Unlock()
		}
		_ = conn.CloseNow()
	}
}

// connect gets a ticket and connects with it, both through the balancer.
func (f *fleet) connect(ctx context.Context, bearer string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, a, err := f.client.issue(ctx, server{public: f.balancer.addr}, bearer)
	if err != nil {
		return nil, err
	}
	if got.Token == "" {
		f.note(a.status)
		return nil, fmt.Errorf("issue: got %v, want a ticket", a)
	}
	alone := &http.Transport{DisableKeepAlives: true}
	defer alone.CloseIdleConnections()
	conn, res, err := websocket.Dial(ctx, "ws://"+f.balancer.addr+"/ws?ticket="+got.Token, &websocket.DialOptions{HTTPClient: &http.Client{Transport: alone}}) //nolint:bodyclose // not needed, says Dial
	if err != nil && res != nil {
		f.note(res.StatusCode)
	}
	return conn, err
}

// note counts a refusal.
func (f *fleet) note(status int) {
	if status == http.StatusUnauthorized {
		f.denied.Add(1)
	}
}

// talk sends messages and reads what comes until the connection ends, or closes it with
// 1000 when ctx ends. It returns what the reader has met.
func talk(ctx context.Context, conn *websocket.Conn) error {
	ended := make(chan error, 1)
	go func() { // ends with the connection
		for {
			if _, _, err := conn.Read(context.WithoutCancel(ctx)); err != nil {
				ended <- err
				return
			}
		}
	}()
	tick := time.NewTicker(chatter)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			_ = conn.Close(websocket.StatusNormalClosure, "")
			return errors.Join(ctx.Err(), <-ended)
		case <-tick.C:
			// The reader knows why the connection has ended.
			_ = conn.Write(context.WithoutCancel(ctx), websocket.MessageText, []byte("hello"))
		}
	}
}
