//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// between is the time between two looks of a balancer at the readiness of its servers.
const between = 50 * time.Millisecond

// balancer passes TCP connections on to servers that are ready, in turn. It sees that one
// is no longer ready some time later, as balancers do, and tries the next one if a server
// does not accept a connection.
type balancer struct {
	addr   string
	client *client

	mu      sync.Mutex
	servers []server // that are asked
	ready   []server
	turn    int
}

// newBalancer starts a balancer, which ends with the test.
func newBalancer(t testing.TB) *balancer {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{addr: listener.Addr().String(), client: newClient(t)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	all.Go(func() { b.watch(ctx) })
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { b.pass(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		all.Wait()
	})
	return b
}

// add makes a server one of those that are asked whether they are ready, and remove ends
// that.
func (b *balancer) add(s server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.servers = append(b.servers, s)
}

func (b *balancer) remove(s server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.servers = slices.DeleteFunc(b.servers, func(other server) bool { return other.public == s.public })
}

// is reports whether the servers that are ready are these.
func (b *balancer) is(want ...server) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.EqualFunc(b.ready, want, func(x, y server) bool { return x.public == y.public })
}

// watch looks again and again which servers are ready.
func (b *balancer) watch(ctx context.Context) {
	tick := time.NewTicker(between)
	defer tick.Stop()
	for ctx.Err() == nil {
		b.mu.Lock()
		asked := slices.Clone(b.servers)
		b.mu.Unlock()
		var ready []server
		for _, s := range asked {
			got, err := b.client.send(ctx, http.MethodGet, "http://"+s.internal+"/readyz", "")
			if err == nil && got.status == http.StatusOK {
				ready = append(ready, s)
			}
		}
		b.mu.Lock()
		b.ready = ready
		b.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// dial connects to the next server that accepts.
func (b *balancer) dial(ctx context.Context) (net.Conn, error) {
	b.mu.Lock()
	ready := slices.Clone(b.ready)
	b.turn++
	first := b.turn
	b.mu.Unlock()
	for i := range ready {
		s := ready[(first+i)%len(ready)]
		conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", s.public)
		if err == nil {
			return conn, nil
		}
	}
	return nil, errors.New("no server is ready")
}

// pass copies the bytes of a connection in both directions, and the end of each direction
// by itself: the last bytes before it must not be lost.
func (b *balancer) pass(ctx context.Context, client net.Conn) {
	defer client.Close()
	server, err := b.dial(ctx)
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() {
		_ = client.Close()
		_ = server.Close()
	})()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{server, client}, {client, server}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			if tcp, ok := way[0].(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
		})
	}
	both.Wait()
}
