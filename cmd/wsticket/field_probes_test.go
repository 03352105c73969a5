package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// TestFieldProbes sends health checks as kubelets and balancers write them.
func TestFieldProbes(t *testing.T) {
	t.Parallel()
	p := start(t, "serve", "--config", newProvider(t).config(t, "memory:"), "--set", "health.listen=127.0.0.1:0")
	listeners := map[string]string{"public": p.public, "internal": p.internal, "health": p.health}
	type input struct{ Listener, Request string }
	for _, c := range fieldCases[input](t, "probes.json") {
		if got := strconv.Itoa(statusOf(t, listeners[c.Input.Listener], c.Input.Request)); got != c.Want {
			t.Errorf("%s: %q at %s = %s, want %s: %s", c.Source, c.Input.Request, c.Input.Listener, got, c.Want, c.Why)
		}
	}
}

// statusOf sends a request byte by byte as it stands, and returns the status of
// the answer.
func statusOf(t *testing.T, addr, request string) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}
