package bounded_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/internal/bounded"
	"wsticket/internal/test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, b bounded.Bounds) *bounded.Listener {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return bounded.Listen(ln, b)
}

// dial connects from an address of this machine.
func dial(t *testing.T, l net.Listener, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(test.Patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// accepted passes on what a listener accepts, until it is closed.
func accepted(l net.Listener) <-chan net.Conn {
	all := make(chan net.Conn, 100)
	go func() { // ends with the listener
		defer close(all)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all <- conn
		}
	}()
	return all
}

// expectEnd expects a connection to be closed without a byte.
func expectEnd(t *testing.T, rule string, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%s: got %d bytes, %v, want the end", rule, n, err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	l := listen(t, bounded.Bounds{All: 4, OfAddress: 2, Exempt: func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.9") }})
	conns := accepted(l)
	dial(t, l, "127.0.0.1")
	dial(t, l, "127.0.0.1")
	one, two := <-conns, <-conns
	expectEnd(t, "one too many of an address", dial(t, l, "127.0.0.1"))
	if got := l.Stats(); got.RefusedOfAddress != 1 || got.Refused != 0 || got.Network.String() != "127.0.0.1/32" || got.Open != 2 {
		t.Errorf("got %+v, want one refused of 127.0.0.1", got)
	}
	dial(t, l, "127.0.0.9")
	dial(t, l, "127.0.0.9")
	three, four := <-conns, <-conns
	expectEnd(t, "a proxy, one too many in all", dial(t, l, "127.0.0.9"))
	expectEnd(t, "another address, one too many in all", dial(t, l, "127.0.0.2"))
	if got := l.Stats(); got.Refused != 2 || got.RefusedOfAddress != 1 || got.Open != 4 || got.Max != 4 || got.MaxOfAddress != 2 {
		t.Errorf("got %+v, want two refused in all", got)
	}
	for _, conn := range []net.Conn{one, three, one} { // the first one twice
		_ = conn.Close()
	}
	if got := l.Stats().Open; got != 2 {
		t.Errorf("got %d open after two were closed, want 2", got)
	}
	for _, from := range []string{"127.0.0.1", "127.0.0.9"} {
		dial(t, l, from)
		_ = (<-conns).Close()
	}
	_, _ = two.Close(), four.Close()
	if got := l.Stats().Open; got != 0 {
		t.Errorf("got %d open after the end of all, want none", got)
	}
}

// TestAPlaceIsFreedAtTheEnd: of a server's connections, of those under TLS and of
// those that a handler has taken over.
func TestAPlaceIsFreedAtTheEnd(t *testing.T) {
	t.Parallel()
	l := listen(t, bounded.Bounds{All: 10, OfAddress: 10})
	taken := make(chan net.Conn, 1)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/take" {
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
		}
		taken <- conn
	})}
	ended := make(chan struct{})
	go func() { // ends with the server
		defer close(ended)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	ask := func(text string) net.Conn {
		conn := dial(t, l, "127.0.0.1")
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	open := func(n int) func() bool { return func() bool { return l.Stats().Open == n } }
	if _, err := io.ReadAll(ask("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	ask("GET /take HTTP/1.1\r\nHost: a\r\n\r\n")
	conn := <-taken
	test.Wait(t, "the end of the first connection", open(1))
	half := ask("GET / HT")
	test.Wait(t, "half a request", open(2))
	_ = half.Close()
	test.Wait(t, "the end of half a request", open(1))
	_ = tls.Server(conn, &tls.Config{MinVersion: tls.VersionTLS12}).Close()
	if got := l.Stats().Open; got != 0 {
		t.Errorf("got %d open after the one that was taken over was closed under TLS, want none", got)
	}
}

// TestTheSocketIsThere: what works on sockets gets the socket.
func TestTheSocketIsThere(t *testing.T) {
	t.Parallel()
	l := listen(t, bounded.Bounds{All: 1, OfAddress: 1})
	client := dial(t, l, "127.0.0.1")
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, ok := bounded.Socket(conn).(*net.TCPConn); !ok {
		t.Errorf("got %T, want a socket", bounded.Socket(conn))
	}
	if got := bounded.Socket(client); got != client {
		t.Errorf("got %T for another connection, want itself", got)
	}
}
