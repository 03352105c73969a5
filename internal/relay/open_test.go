package relay_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"wsticket/internal/relay"
	"wsticket/internal/testenv"
)

// The bytes of a handshake, as the application gets them.
func TestHandshakeOnTheWire(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	defer l.Close()
	f := newFixture(t, func(o *relay.Options) { o.Upstream = "http://" + l.Addr().String() })
	f.dial("GET //ws/%7e/a%2Fb?x=%41&&y;z=%zz HTTP/1.1\r\nHost: API.example.com:8080\r\nconnection: keep-alive, Upgrade\r\n" +
		"upgrade: WebSocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: " + key + "\r\nsec-websocket-protocol: a ,b\r\n\r\n")
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	app := newPeer(t, conn, bufio.NewReader(conn))
	app.expect("GET //ws/%7e/a%2Fb?x=%41&&y;z=%zz HTTP/1.1\r\nHost: API.example.com:8080\r\nConnection: Upgrade\r\n",
		"Sec-WebSocket-Key: "+key+"\r\nSec-WebSocket-Protocol: a ,b\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n",
		"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: API.example.com:8080\r\nX-Forwarded-Proto: http\r\n\r\n")
	app.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
	app.expectEnd()
}

// All failures of the application are ErrUpstream.
func TestUpstreamFailures(t *testing.T) {
	t.Parallel()
	const malformed = "the answer is not that of a WebSocket server"
	accepted := switching(key)
	silent := application(t, func(p *peer, _ *http.Request) { _, _ = io.Copy(io.Discard, p.in) })
	for _, tt := range []struct {
		rule, upstream, cause string
	}{
		{"it does not listen", testenv.FreeAddr(t), "connection refused"},
		{"it does not answer", silent, "no answer in time"},
		{"it ends at once", saying(t, ""), "the connection was broken off"},
		{"it ends within its answer", saying(t, accepted[:len(accepted)-1]), malformed},
		{"no HTTP", saying(t, "MARKER\r\n\r\n"), malformed},
		{"no header", saying(t, "HTTP/1.1 101 Switching Protocols\r\nMARKER\r\n\r\n"), malformed},
		{"a header without an end", saying(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("MARKER", 20_000)+"\r\n\r\n"), "the connection was broken off"},
		{"the answer to another key", saying(t, switching("MARKER")), malformed},
		{"two answers to the key", saying(t, strings.Replace(accepted, "\r\n\r\n", "\r\nSec-WebSocket-Accept: x\r\n\r\n", 1)), malformed},
		{"no answer to the key", saying(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), malformed},
		{"another protocol", saying(t, strings.Replace(accepted, "websocket", "h2c", 1)), malformed},
		{"two protocols", saying(t, strings.Replace(accepted, "websocket", "websocket, h2c", 1)), malformed},
		{"an upgrade that is not meant", saying(t, strings.Replace(accepted, "Connection: Upgrade", "Connection: close", 1)), malformed},
		{"interim answers without an end", saying(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10)+accepted), malformed},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			f := newFixture(t, func(o *relay.Options) {
				o.Upstream, o.HandshakeTimeout = "http://"+tt.upstream, patience
				if tt.upstream == silent {
					o.HandshakeTimeout = 50 * time.Millisecond
				}
			})
			if got := f.dial(request).answer().status; got != http.StatusBadGateway {
				t.Errorf("status %d, want 502", got)
			}
			err := next(t, f.errs)
			if !errors.Is(err, relay.ErrUpstream) || strings.Contains(err.Error(), "MARKER") {
				t.Errorf("got %q, want one that wraps %q and quotes nothing", err, relay.ErrUpstream)
			}
			if got := relay.Cause(err); got != tt.cause {
				t.Errorf("got cause %q of %v, want %q", got, err, tt.cause)
			}
			if tt.upstream == silent && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %q, want a deadline exceeded", err)
			}
		})
	}
}

// Cancelling the context ends the wait for the application.
func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	upstream := application(t, func(p *peer, _ *http.Request) {
		cancel()
		_, _ = io.Copy(io.Discard, p.in)
	})
	r, err := relay.New(relay.Options{Upstream: "http://" + upstream})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open(ctx, outbound(t, false)); !errors.Is(err, relay.ErrUpstream) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
}

func TestInterimAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *relay.Options) {
		o.Upstream = "http://" + saying(t, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+switching(key))
	})
	if got := f.dial(request).answer(); got.status != 101 || got.header.Get("Link") != "" {
		t.Errorf("got %d %v, want 101 without what came before", got.status, got.header)
	}
	next(t, f.tunnels).Cut()
	next(t, f.results)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, upstream := range []string{
		"http://localhost:80", "http://app", "https://app.example.com", "https://[::1]:8443", "unix:/run/app.sock",
	} {
		if _, err := relay.New(relay.Options{Upstream: upstream}); err != nil {
			t.Errorf("upstream %q: %v", upstream, err)
		}
	}
	for _, upstream := range []string{
		"", "app:80", "ws://app", "ftp://app", "http://", "http://:80", "http://app/", "http://app/path", "http://app?q", "http://app#f",
		"http://me@app", "HTTP://app", "unix:", "unix:run/app.sock", "http://app:port", "http://a b",
	} {
		if _, err := relay.New(relay.Options{Upstream: upstream}); err == nil {
			t.Errorf("upstream %q is taken", upstream)
		}
	}
}

// TestUpstreamAdvice: the error says what to write, where that is clear.
func TestUpstreamAdvice(t *testing.T) {
	t.Parallel()
	for upstream, want := range map[string]string{
		"127.0.0.1:3000":    "write http://127.0.0.1:3000",
		"ws://app:3000":     "write http://app:3000",
		"wss://app":         "write https://app",
		"http://app:80/ws/": "write http://app:80",
	} {
		if _, err := relay.New(relay.Options{Upstream: upstream}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("upstream %q: %v, want it to end with %q", upstream, err, want)
		}
	}
	if _, err := relay.New(relay.Options{Upstream: "unix:app.sock"}); err == nil || strings.Contains(err.Error(), "write") {
		t.Errorf("a relative socket: %v, want no advice that would not work", err)
	}
}
