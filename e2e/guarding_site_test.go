//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"wsticket/internal/test"
)

// guarded is a site of some nodes with one store, whose connections are watched until
// they are closed.
type guarded struct {
	idp    issuer
	nodes  []server
	config string
	key    string // of an operator
	client *client
	more   []string // settings of each node
}

// newGuarded starts nodes, each with its own way to the store.
func newGuarded(t testing.TB, stores []string, settings ...string) *guarded {
	t.Helper()
	g := &guarded{idp: newIssuer(t), key: rand.Text(), client: newClient(t)}
	digest := sha256.Sum256([]byte(g.key))
	g.more = append([]string{
		fmt.Sprintf("internal.api_keys=[{name: ops, sha256: %q, scopes: [consume, read, revoke]}]", hex.EncodeToString(digest[:])),
		"public.max_connections_per_address=6000",
	}, settings...)
	for _, store := range stores {
		g.add(t, store)
	}
	return g
}

// add starts one more node.
func (g *guarded) add(t testing.TB, store string, settings ...string) server {
	t.Helper()
	if g.config == "" {
		g.config = g.idp.config(t, store)
	}
	if strings.HasPrefix(store, "redis") {
		store += patientStore
	}
	s := serve(t, g.config, slices.Concat(g.more, []string{"store.url=" + store}, settings)...)
	g.nodes = append(g.nodes, s)
	return s
}

// revoke asks a node to revoke, and wants it to be done.
func (g *guarded) revoke(t testing.TB, s server, body string) {
	t.Helper()
	got, err := g.client.post(t.Context(), "http://"+s.internal+"/revocations", g.key, body)
	if err != nil || got.status != http.StatusAccepted {
		t.Fatalf("POST /revocations %s: got %v %s, %v; want 202", body, got, got.body, err)
	}
}

// revokeUser revokes what a user has obtained until now.
func (g *guarded) revokeUser(t testing.TB, s server, sub, action string) {
	t.Helper()
	g.revoke(t, s, fmt.Sprintf(`{"iss":%q,"sub":%q,"action":%q}`, g.idp.name, sub, action))
}

// wantRefusedEverywhere waits until each node refuses a bearer, and keeps refusing it.
func (g *guarded) wantRefusedEverywhere(t testing.TB, what, bearer string) {
	t.Helper()
	for n, s := range g.nodes {
		test.Wait(t, fmt.Sprintf("node %d refuses %s", n, what), func() bool {
			_, got, err := g.client.issue(t.Context(), s, bearer)
			return err == nil && got.is(answer{status: http.StatusUnauthorized, code: "invalid_token"})
		})
		wantConnectBearer(t, what, s, bearer, answer{status: http.StatusUnauthorized, code: "invalid_token"})
	}
}

// wantAcceptedEverywhere wants each node to issue a ticket.
func (g *guarded) wantAcceptedEverywhere(t testing.TB, what, bearer string) {
	t.Helper()
	for n, s := range g.nodes {
		test.Wait(t, fmt.Sprintf("node %d takes %s", n, what), func() bool {
			got, _, err := g.client.issue(t.Context(), s, bearer)
			return err == nil && got.Token != ""
		})
	}
}

func wantConnectBearer(t testing.TB, what string, s server, bearer string, want answer) {
	t.Helper()
	conn, err := dial(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := shake(conn, bearerHandshake(s, bearer)); err != nil || !got.is(want) {
		t.Errorf("%s at the door header: got %v, %v; want %v", what, got, err, want)
	}
}

func bearerHandshake(s server, bearer string) string {
	var none door
	return none.handshake(s.public, "", "Authorization: Bearer "+bearer)
}

// ended is how a connection ended.
type ended struct {
	code uint16 // 1006 without a Close frame
	at   time.Time
}

// watched is a connection that somebody reads until its end.
type watched struct {
	net.Conn

	end  chan ended // has one element
	said chan string
}

// watch opens a connection with a bearer, and reads it until it is closed.
func watch(ctx context.Context, s server, bearer string) (*watched, error) {
	return watchRequest(ctx, s, bearerHandshake(s, bearer))
}

func watchRequest(ctx context.Context, s server, request string) (*watched, error) {
	conn, err := dial(ctx, s)
	if err != nil {
		return nil, err
	}
	opened, got, err := open(conn, request)
	if err == nil && !got.is(admitted) {
		err = fmt.Errorf("got %v, want a 101", got)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	w := &watched{Conn: conn, end: make(chan ended, 1), said: make(chan string, 1024)}
	go w.read(opened.early)
	return w, nil
}

// mustWatch is watch.
func mustWatch(t testing.TB, s server, bearer string) *watched {
	t.Helper()
	w, err := watch(t.Context(), s, bearer)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// read reads until the connection ends.
func (w *watched) read(from *bufio.Reader) {
	defer w.Close()
	defer close(w.said)
	for {
		h, err := ws.ReadHeader(from)
		if err != nil {
			w.end <- ended{1006, time.Now()}
			return
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(from, payload); err != nil {
			w.end <- ended{1006, time.Now()}
			return
		}
		switch h.OpCode {
		case ws.OpClose:
			at, code := time.Now(), uint16(1005)
			if len(payload) >= 2 {
				code = binary.BigEndian.Uint16(payload)
			}
			_ = ws.WriteFrame(w, ws.MaskFrame(ws.NewCloseFrame(payload)))
			w.end <- ended{code, at}
			return
		case ws.OpPing:
			_ = ws.WriteFrame(w, ws.MaskFrame(ws.NewPongFrame(payload)))
		case ws.OpText:
			select {
			case w.said <- string(payload):
			default: // nobody listens
			}
		default: // binary messages and pongs say nothing here
		}
	}
}

// wantEnd waits for the end of the connection.
func (w *watched) wantEnd(t testing.TB, what string, code uint16) ended {
	t.Helper()
	select {
	case got := <-w.end:
		if got.code != code {
			t.Errorf("%s: closed with %d, want %d", what, got.code, code)
		}
		w.end <- got
		return got
	case <-time.After(test.Patience):
		t.Fatalf("%s: it is not closed in time, want %d", what, code)
		return ended{}
	}
}

// wantOpen checks that the connection still carries messages.
func (w *watched) wantOpen(t testing.TB, what string) {
	t.Helper()
	text := rand.Text()
	if err := ws.WriteFrame(w, ws.MaskFrame(ws.NewTextFrame([]byte(text)))); err != nil {
		t.Errorf("%s: %v, want it to be open", what, err)
		return
	}
	for {
		select {
		case got, open := <-w.said:
			if got == text {
				return
			}
			if !open {
				t.Errorf("%s: it is closed, want it to be open", what)
				return
			}
		case <-time.After(test.Patience):
			t.Errorf("%s: no echo, want it to be open", what)
			return
		}
	}
}

// crowd opens connections, with a number of bearers in turn, spread over the nodes.
func (g *guarded) crowd(t testing.TB, size int, bearers []string) [][]*watched {
	t.Helper()
	of := make([][]*watched, len(bearers))
	var mu sync.Mutex
	var all sync.WaitGroup
	next := make(chan int)
	failed := make(chan error, 1)
	for range 32 {
		all.Go(func() {
			for i := range next {
				b := i % len(bearers)
				w, err := watch(t.Context(), g.nodes[(i/len(bearers))%len(g.nodes)], bearers[b])
				if err != nil {
					select {
					case failed <- err:
					default:
					}
					continue
				}
				mu.Lock()
				of[b] = append(of[b], w)
				mu.Unlock()
			}
		})
	}
	for i := range size {
		next <- i
	}
	close(next)
	all.Wait()
	t.Cleanup(func() {
		for _, some := range of {
			for _, w := range some {
				_ = w.Close()
			}
		}
	})
	select {
	case err := <-failed:
		t.Fatalf("connect: %v", err)
	default:
	}
	return of
}
