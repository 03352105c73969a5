package ws_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
)

// TestAHandshakeDoesNotWaitForABody: a handler that is mounted alone refuses a
// handshake with a body at once and ends the connection, although the server has
// no time-out at all.
func TestAHandshakeDoesNotWaitForABody(t *testing.T) {
	f := newFixture(t, nil)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(test.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request(plain, "+Content-Length: 5")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
		t.Errorf("got %q, %v, want 400 and the end", got, err)
	}
}
