package relay_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"wsticket/internal/relay"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/internal/wsframe"
)

// accepting sets an application that adds lines to the header of its 101.
func accepting(t *testing.T, lines string) func(*relay.Options) {
	return func(o *relay.Options) {
		o.Upstream = "http://" + saying(t, strings.Replace(switching(key), "\r\n\r\n", "\r\n"+lines+"\r\n", 1))
	}
}

// The bytes of a 101, as the client gets them.
func TestAcceptOnTheWire(t *testing.T) {
	t.Parallel()
	const status = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	for _, tt := range []struct{ rule, lines, want string }{
		{"the header of the response is kept", "", accept + "Sec-WebSocket-Protocol: wsticket.v1\r\nSet-Cookie: ours=1\r\nX-Request-Id: one\r\n\r\n"},
		{
			"the values of the application win, but for the ID of the request", "sec-websocket-protocol: app.v1\r\nx-request-id: two\r\nset-cookie: theirs=1\r\n",
			accept + "Sec-WebSocket-Protocol: app.v1\r\nSet-Cookie: ours=1\r\nSet-Cookie: theirs=1\r\nX-Request-Id: one\r\n\r\n",
		},
		{
			"extensions pass byte for byte, and hop-by-hop headers do not pass",
			"Sec-WebSocket-Extensions: permessage-deflate;  x\r\nKeep-Alive: 1\r\nConnection: X-One\r\nX-One: 1\r\nContent-Length: 0\r\n",
			accept + "Sec-WebSocket-Extensions: permessage-deflate;  x\r\nSec-WebSocket-Protocol: wsticket.v1\r\n" +
				"Set-Cookie: ours=1\r\nX-Request-Id: one\r\n\r\n",
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			f := newFixture(t, accepting(t, tt.lines))
			f.header = http.Header{"X-Request-Id": {"one"}, "Set-Cookie": {"ours=1"}, "Connection": {"close"}}
			f.subprotocol = "wsticket.v1"
			f.dial(request).expect(status, tt.want)
			next(t, f.tunnels).Cut()
			next(t, f.results)
		})
	}
}

// A refusal of the application is passed on, and the connection stays open.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, answer string
		status       int
		header       http.Header
		body         string
	}{
		{
			"403 with a body", "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\nGo away.\n",
			403,
			http.Header{"Content-Type": {"text/html"}, "Content-Length": {"9"}, "X-Request-Id": {"one"}},
			"Go away.\n",
		},
		{
			"401, and the values of the application win, but for the ID of the request", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"app\"\r\nX-Request-Id: two\r\nContent-Length: 0\r\n\r\n",
			401,
			http.Header{"Www-Authenticate": {`Basic realm="app"`}, "Content-Length": {"0"}, "X-Request-Id": {"one"}},
			"",
		},
		{
			"a body without a content type", "HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n<html>",
			403,
			http.Header{"Content-Length": {"6"}, "X-Request-Id": {"one"}},
			"<html>",
		},
		{
			"302", "HTTP/1.1 302 Found\r\nLocation: /login?next=%2F\r\nContent-Length: 0\r\n\r\n",
			302,
			http.Header{"Location": {"/login?next=%2F"}, "Content-Length": {"0"}, "X-Request-Id": {"one"}},
			"",
		},
		{
			"a chunked body and hop-by-hop headers", "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\nConnection: X-One\r\n" +
				"X-One: 1\r\nKeep-Alive: 1\r\nContent-Type: a/b\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
			503,
			http.Header{"Content-Type": {"a/b"}, "Content-Length": {"6"}, "X-Request-Id": {"one"}},
			"onetwo",
		},
		{
			"a body up to the end of the connection", "HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nall",
			200,
			http.Header{"Content-Type": {"a/b"}, "Content-Length": {"3"}, "X-Request-Id": {"one"}},
			"all",
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			f := newFixture(t, func(o *relay.Options) { o.Upstream = "http://" + saying(t, tt.answer) })
			f.header = http.Header{"X-Request-Id": {"one"}}
			client := f.dial(request)
			for range 2 {
				got := client.answer()
				got.header.Del("Date")
				if got.status != tt.status || !maps.EqualFunc(got.header, tt.header, slices.Equal) || got.body != tt.body {
					t.Fatalf("got %+v, want %d %q %q", got, tt.status, tt.header, tt.body)
				}
				client.send(request) // over the same connection
			}
		})
	}
}

// A body that is truncated or too long is an error.
func TestRefusalsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2<<20)
	for rule, answer := range map[string]string{
		"too short":          "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nGo",
		"too short, chunked": "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
		"too long":           "HTTP/1.1 403 Forbidden\r\n\r\n" + long,
	} {
		t.Run(rule, func(t *testing.T) {
			f := newFixture(t, func(o *relay.Options) { o.Upstream = "http://" + saying(t, answer) })
			if got, err := f.dial(request).readAnswer(); err == nil || len(got.body) > 1<<20+1 {
				t.Errorf("got a body of %d, %v, want an error", len(got.body), err)
			}
		})
	}
}

// ask opens a handshake of a relay without a server.
func ask(t *testing.T, upstream string) *relay.Answer {
	t.Helper()
	r, err := relay.New(relay.Options{Linger: patience, Upstream: "http://" + upstream})
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Open(t.Context(), outbound(t, false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func TestJoinOfARefusal(t *testing.T) {
	t.Parallel()
	a := ask(t, saying(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
	if a.Switched() || a.Status() != 403 {
		t.Errorf("status %d, want 403", a.Status())
	}
	if _, err := a.Join(nil, nil, nil); !errors.Is(err, relay.ErrNotSwitched) {
		t.Errorf("a refusal: got %v, want %v", err, relay.ErrNotSwitched)
	}
}

// Join connects an application to a connection that is a WebSocket already.
func TestJoin(t *testing.T) {
	t.Parallel()
	apps := make(chan *peer, 1)
	a := ask(t, application(t, func(p *peer, _ *http.Request) {
		p.send(switching(key), plain(wsframe.Text, "welcome"))
		apps <- p
	}))
	// A pipe is not one of the connections that are optimised.
	far, near := net.Pipe()
	client := newPeer(t, far, bufio.NewReader(far))
	ended := make(chan relay.Result, 1)
	tunnel, err := a.Join(near, []byte(masked(wsframe.Text, "early")), func(r relay.Result) { ended <- r })
	if err != nil {
		t.Fatal(err)
	}
	app := next(t, apps)
	app.expect(masked(wsframe.Text, "early"))
	client.expect(plain(wsframe.Text, "welcome"))
	client.send(masked(wsframe.Text, "hello"))
	app.expect(masked(wsframe.Text, "hello"))
	tunnel.Close(1001, "")
	client.expect(plain(wsframe.Close, closing(1001, "")))
	client.send(masked(wsframe.Close, ""))
	app.expectClose(1001, "")
	_, _ = far.Close(), app.conn.Close()
	if got := next(t, ended); got.Code != 1001 {
		t.Errorf("got %+v, want 1001", got)
	}
}

// All transports that both sides may use.
func TestTransports(t *testing.T) {
	t.Parallel()
	certs := testenv.TLS(t)
	cert, err := tls.LoadX509KeyPair(certs.ServerCertFile, certs.ServerKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(certs.CAFile)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(authority) {
		t.Fatalf("%s: %v", certs.CAFile, err)
	}
	clients := map[string]func(*httptest.Server){"plain": (*httptest.Server).Start, "TLS": (*httptest.Server).StartTLS}
	upstreams := map[string]func(*testing.T) net.Listener{
		"http://": func(t *testing.T) net.Listener { return listen(t, "tcp", "127.0.0.1:0") },
		"https://": func(t *testing.T) net.Listener {
			return tls.NewListener(listen(t, "tcp", "127.0.0.1:0"), &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
		},
		"unix:": func(t *testing.T) net.Listener { return listen(t, "unix", filepath.Join(t.TempDir(), "app.sock")) },
	}
	for from, start := range clients {
		for to, listen := range upstreams {
			t.Run(from+" to "+to, func(t *testing.T) {
				f := emptyFixture(t)
				f.serve(relay.Options{
					Linger: patience, Upstream: to + applicationOn(t, listen(t), f.accept),
					TLSConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				}, start)
				transport(t, f)
			})
		}
	}
}

// transport sends small and large messages both ways, closes one tunnel, and ends
// another one by half-closing both sides.
func transport(t *testing.T, f *fixture) {
	t.Helper()
	client, app, tunnel := f.open()
	for _, size := range []int{0, 1, 63, 64, 65, 1000, 16 << 10, 64 << 10, 1 << 20} {
		payload := strings.Repeat("x", size)
		for range 3 {
			go client.send(masked(wsframe.Text, payload)) // it may be more than fits into the buffers on the way
			app.expect(masked(wsframe.Text, payload))
			go app.send(plain(wsframe.Text, payload))
			client.expect(plain(wsframe.Text, payload))
		}
	}
	app.send(plain(wsframe.Text, "hello")[:4])
	client.expect(plain(wsframe.Text, "hello")[:4])
	tunnel.Close(1001, "")
	app.send(plain(wsframe.Text, "hello")[4:])
	client.expect(plain(wsframe.Text, "hello")[4:], plain(wsframe.Close, closing(1001, "")))
	client.send(masked(wsframe.Close, ""))
	client.expectEnd()
	app.expectClose(1001, "")
	f.leaveAfter(client, app, 1001, relay.ByRelay)

	client, app, _ = f.open()
	client.send(masked(wsframe.Text, "last"))
	client.closeWrite()
	app.expect(masked(wsframe.Text, "last"))
	app.expectEnd()
	app.send(plain(wsframe.Text, "answer"))
	app.closeWrite()
	client.expect(plain(wsframe.Text, "answer"))
	client.expectEnd()
	f.expectResult(1006, relay.ByClient)
	brokenFrames(t, f)
}

// brokenFrames sends a frame of each side that is refused, right behind a message
// that is longer than the buffers.
func brokenFrames(t *testing.T, f *fixture) {
	t.Helper()
	payload := strings.Repeat("x", 200<<10)
	var sending sync.WaitGroup
	client, app, _ := f.open()
	sending.Go(func() {
		client.send(masked(wsframe.Text, payload), plain(wsframe.Text, "not masked"), masked(wsframe.Close, ""))
	})
	app.expect(masked(wsframe.Text, payload))
	app.expectClose(1001, "")
	client.expect(plain(wsframe.Close, closing(1002, "protocol error")))
	sending.Wait()
	_, _ = client.conn.Close(), app.conn.Close()
	f.expectFault(wsframe.FaultMask, relay.ByClient)

	client, app, _ = f.open()
	sending.Go(func() {
		app.send(plain(wsframe.Text, payload), rsv(4, plain(wsframe.Text, "compressed")), plain(wsframe.Close, ""))
	})
	client.expect(plain(wsframe.Text, payload), plain(wsframe.Close, closing(1002, "protocol error")))
	app.expectClose(1002, "protocol error")
	sending.Wait()
	_, _ = client.conn.Close(), app.conn.Close()
	f.expectFault(wsframe.FaultReservedBit, relay.ByUpstream)
}

// An open tunnel does not keep the request of its handshake.
func TestNothingStays(t *testing.T) {
	t.Parallel()
	freed := make(chan struct{})
	f := newFixture(t, nil)
	inner := f.server.Config.Handler
	f.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		runtime.AddCleanup(r, func(c chan struct{}) { close(c) }, freed)
		inner.ServeHTTP(w, r)
	})
	client, app, _ := f.open()
	test.Wait(t, "the request is garbage", func() bool {
		runtime.GC()
		select {
		case <-freed:
			return true
		default:
			return false
		}
	})
	client.send(masked(wsframe.Text, "still here"))
	app.expect(masked(wsframe.Text, "still here"))
	f.leave(client, app)
}
