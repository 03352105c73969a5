package main

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"wsticket/cmd/wsticket/internal/config"
)

// drip sends head at once and then a byte of rest every tenth of a second. It
// returns what it has received when the server has closed the connection, or
// nil if that does not happen in time.
func drip(t *testing.T, addr, head, rest string) []byte {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Error(err)
		return nil
	}
	_, _ = io.WriteString(conn, head)
	ended := make(chan []byte, 1)
	go func() { // ends with the connection
		var got bytes.Buffer
		_, err := io.Copy(&got, conn)
		if nerr, ok := err.(net.Error); ok && nerr.Timeout() { //nolint:errorlint // As net has it.
			ended <- nil
			return
		}
		ended <- append(got.Bytes(), '.')
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case got := <-ended:
			return got
		case <-tick.C:
			if rest != "" {
				_, _ = io.WriteString(conn, rest[:1])
				rest = rest[1:]
			}
		}
	}
}

// TestSlowClientsAreCut: a client that sends nothing, or too little, is
// disconnected after seconds, and other clients are not affected (R51).
func TestSlowClientsAreCut(t *testing.T) {
	t.Parallel() // most of it is waiting
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"))
	bearer := idp.bearer(t, "alice")
	const body = "Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
	long := strings.Repeat("a", 4000)
	rows := map[string][3]string{ // address, what is sent at once, what drips
		"public, nothing":       {p.public},
		"internal, nothing":     {p.internal},
		"public, a header":      {p.public, "GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", long},
		"internal, a header":    {p.internal, "GET /auth/nginx HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", long},
		"public, a body":        {p.public, "POST /ws-ticket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + bearer + "\r\n" + body, long},
		"internal, a body":      {p.internal, "POST /consume HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n" + body, long},
		"public, a body to /ws": {p.public, "GET /ws HTTP/1.1\r\nHost: localhost\r\n" + body, long},
	}
	done := make(chan struct{})
	for rule, row := range rows {
		go func() { // ends when the connection does
			defer func() { done <- struct{}{} }()
			if got := drip(t, row[0], row[1], row[2]); got == nil || bytes.HasPrefix(got, []byte("HTTP/1.1 2")) {
				t.Errorf("%s: got %q, want the connection to be ended", rule, got)
			}
		}()
	}
	if got := issue(t, p.public, bearer); got.Ticket == "" {
		t.Error("no ticket for somebody else meanwhile")
	}
	for range rows {
		<-done
	}
}

// TestLongHeaders: the size of headers is limited. The internal listener
// accepts what proxies pass on.
func TestLongHeaders(t *testing.T) {
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"))
	for _, row := range []struct {
		addr string
		size int
		want string
	}{
		{p.public, 8 << 10, "HTTP/1.1 404"},
		{p.public, 32 << 10, "HTTP/1.1 431"},
		{p.internal, 48 << 10, "HTTP/1.1 404"},
		{p.internal, 128 << 10, "HTTP/1.1 431"},
	} {
		head := "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Long: " + strings.Repeat("a", row.size) + "\r\n\r\n"
		if got := drip(t, row.addr, head, ""); !bytes.HasPrefix(got, []byte(row.want)) {
			t.Errorf("%d bytes: got %.40q, want %s", row.size, got, row.want)
		}
	}
}

// TestIdleTimeout: a connection that is kept alive ends when its time is over,
// and not before a balancer would end it.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	p := start(t, "serve", "--config", newProvider(t).config(t, "memory:"), "--set", "public.idle_timeout=300ms")
	for _, addr := range []string{p.public, p.internal} {
		begin := time.Now()
		got := drip(t, addr, "GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n", "")
		if !bytes.HasPrefix(got, []byte("HTTP/1.1 ")) || time.Since(begin) < 300*time.Millisecond {
			t.Errorf("%s: ended after %s with %.20q, want an answer and an end after 300ms", addr, time.Since(begin), got)
		}
	}
	if idle := config.Default().Public.IdleTimeout; idle <= 60*time.Second {
		t.Errorf("default %s, want more than the 60s of AWS's balancer", idle)
	}
}
