package ws_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
	"wsticket/ws"
)

// addressOf reads the address from a header of the client. A server must not do
// that.
func addressOf(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddr(r.Header.Get("X-Address"))
	return addr
}

func TestUnauthenticatedBounds(t *testing.T) {
	f := messageFixture(t, func(s *setup) {
		s.ws.Unauthenticated, s.ws.UnauthenticatedPerAddress, s.gate.ClientAddr = 5, 2, addressOf
	})
	tests := []struct {
		rule, address string
		status        int
		reason        string
	}{
		{"the first", "192.0.2.1", 101, ""},
		{"the second", "192.0.2.1", 101, ""},
		{"one too many of this address", "192.0.2.1", 503, "unauthenticated_per_address"},
		{"another address has its own bound", "2001:db8::1", 101, ""},
		{"an IPv6 address counts by its /64", "2001:db8::2", 101, ""},
		{"of which this is one too many", "2001:db8::3", 503, "unauthenticated_per_address"},
		{"the last in all", "192.0.2.3", 101, ""},
		{"one too many in all", "192.0.2.4", 503, "unauthenticated"},
	}
	var held []answer
	for _, tt := range tests {
		got := f.send(t, request(plain, "X-Address: "+tt.address))
		if got.StatusCode != tt.status {
			t.Fatalf("%s: status %d %s, want %d", tt.rule, got.StatusCode, got.body, tt.status)
		}
		if tt.status == switching {
			held = append(held, got)
			continue
		}
		if problemCode(got.body) != "unavailable" || got.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: %s, Retry-After %q, want unavailable and 1", tt.rule, got.body, got.Header.Get("Retry-After"))
		}
		f.events.AwaitLike(t, ticket.Event{
			Kind: ticket.EventRequest, Reason: tt.reason, Outcome: "error", HTTP: ticket.HTTPAnswer{Status: 503},
			Presentation: ticket.Presentation{Door: ticket.DoorFirstMessage},
		})
	}
	// Clients that have authenticated, or are gone, no longer count.
	held[0].say(t, auth(goodBearer))
	held[0].authenticated(t)
	f.await(t, "", "X-Address: 192.0.2.1")
	_ = held[3].conn.Close()
	f.settled(t, "left")
	f.eventually(t, "2001:db8::4")
	// Other doors have no such bound.
	for range 3 {
		if got := f.send(t, request(plain, "X-Address: 192.0.2.1", "Authorization: Bearer "+goodBearer)); got.StatusCode != switching {
			t.Errorf("by header: status %d, want 101", got.StatusCode)
		}
	}
}

// One network cannot hold all places, however many addresses it has.
func TestUnauthenticatedNetworks(t *testing.T) {
	f := messageFixture(t, func(s *setup) {
		s.ws.Unauthenticated, s.ws.UnauthenticatedPerAddress, s.gate.ClientAddr = 20, 2, addressOf
	})
	knock := func(format string, n, places int) {
		t.Helper()
		taken := 0
		for i := range n {
			if f.send(t, request(plain, "X-Address: "+fmt.Sprintf(format, i))).StatusCode == switching {
				taken++
			}
		}
		if taken != places {
			t.Errorf("%s: %d of %d places, want %d", format, taken, n, places)
		}
	}
	knock("2001:db8:1:1::%x", 5, 2)
	knock("2001:db8:1:%x::1", 12, 6)   // the /56 has two already, and may have eight
	knock("2001:db8:1:%x00::1", 12, 2) // the /48 may have half of all
	f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventLimit, Attrs: []slog.Attr{
		slog.String("limit", "limits.unauthenticated_per_address"), slog.String("network", "2001:db8:1::/48"),
	}})
	knock("2001:db8:2%02x::1", 12, 10) // others get the rest
	f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventLimit, Attrs: []slog.Attr{slog.String("limit", "limits.unauthenticated")}})
}

// A proxy that does not say readably whom it stands for is not one client.
func TestUnauthenticatedBehindAProxy(t *testing.T) {
	f := messageFixture(t, func(s *setup) {
		s.ws.Unauthenticated, s.ws.UnauthenticatedPerAddress = 20, 2
		s.gate.TrustedProxies = loopback
	})
	for i := range 11 {
		want := switching
		if i == 10 { // half of all
			want = http.StatusServiceUnavailable
		}
		if got := f.send(t, request(plain, "X-Forwarded-For: unknown")); got.StatusCode != want {
			t.Errorf("%d: status %d, want %d", i, got.StatusCode, want)
		}
	}
	if got := f.send(t, request(plain, "X-Forwarded-For: 203.0.113.9")); got.StatusCode != switching {
		t.Errorf("another client: status %d, want 101", got.StatusCode)
	}
}

// eventually makes handshakes from address until one is accepted: a place
// becomes free a moment after the handshake that held it is settled.
func (f *fixture) eventually(t *testing.T, address string) (got answer) {
	t.Helper()
	test.Wait(t, "the place is free again", func() bool {
		got = f.send(t, request(plain, "X-Address: "+address))
		return got.StatusCode == switching
	})
	return got
}

// A place is free again whatever the redeemer does, and the socket is closed.
func TestPanicFreesThePlace(t *testing.T) {
	f := messageFixture(t, func(s *setup) {
		s.ws.Unauthenticated, s.ws.UnauthenticatedPerAddress = 1, 1
		s.gate.Redeemer = redeemFunc(func(context.Context) (ticket.Grant, error) { panic(marker) })
	})
	for range 3 {
		got := f.eventually(t, "")
		got.say(t, auth(wellFormed))
		got.gone(t)
	}
}

// The flood of R54: 5 000 sockets that send nothing. Those beyond the limit are
// refused, and the memory of the others is limited.
func TestIdleFlood(t *testing.T) {
	const attempts, bound = 5000, ws.DefaultUnauthenticated
	f := messageFixture(t, func(s *setup) { s.ws.UnauthenticatedPerAddress = bound })
	goroutines, memory := usage()
	var held []net.Conn
	for range attempts {
		if conn := f.knock(t); conn != nil {
			held = append(held, conn)
		}
	}
	if len(held) != bound {
		t.Errorf("%d connections were taken, want %d", len(held), bound)
	}
	if n := f.handler.Stats().Unauthenticated; n != bound {
		t.Errorf("the statistics say %d, want %d", n, bound)
	}
	moreGoroutines, moreMemory := usage()
	// One goroutine for each, and a few of the server that are ending; buffers
	// of net/http and a stack for each.
	if n := moreGoroutines - goroutines; n > bound+100 {
		t.Errorf("%d goroutines more, want about %d", n, bound)
	}
	each := (moreMemory - memory) / bound
	t.Logf("%d bytes for each connection that waits", each)
	if each > 64<<10 {
		t.Errorf("%d bytes for each connection, want fewer than 64 KiB", each)
	}
	// Others are not affected.
	got := f.connect(t)
	if _, hello := got.readFrame(t); !strings.Contains(hello, "alice") {
		t.Errorf("by query: %q, want alice's greeting", hello)
	}
	_ = got.conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- f.handler.Shutdown(ctx) }()
	for _, conn := range held {
		answer{conn: conn, rest: bufio.NewReader(conn)}.farewell(t)
		_ = conn.Close()
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// knock makes a minimal handshake without a credential, and returns the socket
// if it is accepted.
func (f *fixture) knock(t *testing.T) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	status := make([]byte, len("HTTP/1.1 101"))
	_, _ = io.WriteString(conn, request(plain))
	if _, err := io.ReadFull(conn, status); err != nil {
		t.Fatal(err)
	}
	if string(status) == "HTTP/1.1 503" {
		_ = conn.Close()
		return nil
	}
	if err := skipHeader(conn); err != nil {
		t.Fatal(err)
	}
	return conn
}

// skipHeader reads to the empty line, byte by byte, so that nothing is kept.
func skipHeader(conn net.Conn) error {
	var tail [4]byte
	for string(tail[:]) != "\r\n\r\n" {
		copy(tail[:], tail[1:])
		if _, err := io.ReadFull(conn, tail[3:]); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
	}
	return nil
}

// usage returns the goroutines and the memory of this process, without garbage.
func usage() (goroutines int, memory int64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), int64(m.HeapAlloc + m.StackInuse)
}
