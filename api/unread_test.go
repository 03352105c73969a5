package api_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// patiently starts a server that waits an hour for the body of a request, and
// returns its address.
func patiently(t *testing.T, handler http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ReadTimeout = time.Hour
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// untilTheEnd sends text and returns all that comes until the server closes the
// connection.
func untilTheEnd(ctx context.Context, addr, text string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(test.Patience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	got, err := io.ReadAll(conn)
	return string(got), err
}

// TestNobodyWaitsForABody: whatever is answered before the body of the request
// was read is answered at once, and ends the connection.
func TestNobodyWaitsForABody(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	busy := newHouse(t, func(o *parts) {
		limit := perMinute(1)
		limit.Allow("127.0.0.1")
		o.Gate.AddressLimit = limit
	})
	failed := newHouse(t, func(o *parts) {
		o.Gate.Authenticator = authenticate(func(string) (ticket.Identity, error) { return ticket.Identity{}, ticket.ErrUnavailable })
	})
	public, internal, health := patiently(t, h.Public()), patiently(t, h.Internal()), patiently(t, h.Health())
	limited, away := patiently(t, busy.Public()), patiently(t, failed.Public())
	const (
		site  = "\r\nHost: " + host
		alice = site + "\r\nAuthorization: " + good
		key   = site + "\r\nAuthorization: Bearer consume-key"
	)
	rows := []struct {
		rule, addr, head string
		status           int
	}{
		{"no bearer", public, "POST /ws-ticket HTTP/1.1" + site, 401},
		{"a bad bearer", public, "POST /ws-ticket HTTP/1.1" + site + "\r\nAuthorization: Bearer bad", 401},
		{"a foreign origin", public, "POST /ws-ticket HTTP/1.1" + alice + "\r\nOrigin: https://evil.example", 403},
		{"no such path", public, "POST /nothing HTTP/1.1" + site, 404},
		{"no such method", public, "PUT /ws-ticket HTTP/1.1" + site, 405},
		{"an encoded body", public, "POST /ws-ticket HTTP/1.1" + alice + "\r\nContent-Encoding: gzip", 415},
		{"a limit", limited, "POST /ws-ticket HTTP/1.1" + alice, 429},
		{"keys that cannot be fetched", away, "POST /ws-ticket HTTP/1.1" + alice, 503},
		{"another host", public, "POST /ws-ticket HTTP/1.1\r\nHost: evil.example", 421},
		{"a preflight", public, "OPTIONS /ws-ticket HTTP/1.1" + site + "\r\nOrigin: " + page + "\r\nAccess-Control-Request-Method: POST", 204},
		{"a receipt", public, "GET /ws-ticket/" + unknownID + " HTTP/1.1" + alice, 404},
		{"a revocation", public, "DELETE /ws-ticket/" + unknownID + " HTTP/1.1" + alice, 404},
		{"keys that everybody may read", public, "GET /.well-known/jwks.json HTTP/1.1" + site, 200},
		{"an unknown key", internal, "POST /consume HTTP/1.1" + site + "\r\nAuthorization: Bearer x", 401},
		{"a key with another scope", internal, "POST /introspect HTTP/1.1" + key, 403},
		{"a method of /consume", internal, "PUT /consume HTTP/1.1" + key, 405},
		{"a question of forward auth", internal, "POST /auth/nginx HTTP/1.1" + site, 401},
		{"no such path inside", internal, "POST /ws-ticket HTTP/1.1" + site, 404},
		{"a probe", internal, "GET /livez HTTP/1.1" + site, 200},
		{"a scrape", internal, "GET /metrics HTTP/1.1" + site, 200},
		{"a probe of the health listener", health, "GET /readyz HTTP/1.1" + site, 200},
		{"anything else there", health, "POST /consume HTTP/1.1" + site, 404},
	}
	// All at once, because each takes half a second.
	var asking sync.WaitGroup
	for _, row := range rows {
		for body, fields := range map[string]string{
			"a length": "Content-Length: 10", "chunks": "Transfer-Encoding: chunked", "a large one": "Content-Length: 5000",
			"a question": "Expect: 100-continue\r\nContent-Length: 10", "the last request": "Connection: close\r\nContent-Length: 10",
		} {
			asking.Go(func() {
				got, err := untilTheEnd(t.Context(), row.addr, row.head+"\r\n"+fields+"\r\n\r\n")
				if err != nil || !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", row.status)) || !strings.Contains(got, "\r\nConnection: close\r\n") {
					t.Errorf("%s, %s: got %q, %v, want %d and the end", row.rule, body, got, err, row.status)
				}
			})
		}
	}
	for fields, status := range map[string]int{"Content-Length: 5000": 413, "Content-Length: 10": 415, "Content-Type: text/plain\r\nContent-Length: 10": 415} {
		asking.Go(func() {
			got, err := untilTheEnd(t.Context(), public, "POST /ws-ticket HTTP/1.1"+alice+"\r\n"+fields+"\r\n\r\n")
			if err != nil || !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", status)) || !strings.Contains(got, "\r\nConnection: close\r\n") {
				t.Errorf("a body with %s: got %q, %v, want %d and the end", fields, got, err, status)
			}
		})
	}
	asking.Wait()
}
