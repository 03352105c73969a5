package relay_test

import (
	"net"
	"syscall"
	"testing"

	"wsticket/internal/bounded"
	"wsticket/internal/relay"
)

// The kernel detects within a minute that a peer is gone.
func TestPeersAreWatched(t *testing.T) {
	t.Parallel()
	conn, err := (&net.Dialer{KeepAlive: -1}).DialContext(t.Context(), "tcp", listenEcho(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	relay.WatchPeer(conn)
	watched(t, conn)
}

// A connection of a listener with bounds is read and written as the socket that
// it is, and watched like any other.
func TestBoundedConnectionsAreSockets(t *testing.T) {
	t.Parallel()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := bounded.Listen(ln, bounded.Bounds{All: 1, OfAddress: 1}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if relay.IsSocket(conn) != relay.IsSocket(client) {
		t.Errorf("got a socket: %t, want %t as without bounds", relay.IsSocket(conn), relay.IsSocket(client))
	}
	relay.WatchPeer(conn)
	watched(t, bounded.Socket(conn))
}

// watched checks the options of a socket.
func watched(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn() //nolint:errcheck // it is one
	if err != nil {
		t.Fatal(err)
	}
	const userTimeout = 18 // TCP_USER_TIMEOUT
	for _, option := range []struct{ level, name, want int }{
		{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 30},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 10},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
		{syscall.IPPROTO_TCP, userTimeout, 60_000},
	} {
		var got int
		control := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), option.level, option.name) })
		if control != nil || err != nil || got != option.want {
			t.Errorf("option %d of %d: got %d, %v, %v, want %d", option.name, option.level, got, control, err, option.want)
		}
	}
}
