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
// handshake with a body, or what is none, at once and ends the connection,
// although the server has no time-out at all.
func TestAHandshakeDoesNotWaitForABody(t *testing.T) {
	f := newFixture(t, nil)
	for handshake, status := range map[string]string{
		request(plain, "+Content-Length: 5"):                                     "400 ",
		"GET /ws HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\n\r\n": "426 ",
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if err := conn.SetDeadline(time.Now().Add(test.Patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, handshake); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(conn)
		got := string(all)
		if err != nil || !strings.HasPrefix(got, "HTTP/1.1 "+status) || !strings.Contains(got, "\r\nConnection: close\r\n") {
			t.Errorf("got %q, %v, want %sand the end", got, err, status)
		}
		if status == "426 " && !strings.Contains(got, "\r\nConnection: Upgrade\r\n") {
			t.Errorf("got %q, want Upgrade in Connection, too", got)
		}
	}
}
