package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/internal/upgrade"
)

// BenchmarkSidecarHandshake measures whole WebSocket handshakes to an
// application, each on a connection of its own: through the sidecar with a
// ticket (store memory:), and through nginx, which checks nothing. The two take
// turns. Tickets are issued beforehand.
func BenchmarkSidecarHandshake(b *testing.B) {
	upstream := accepts(b)
	service, bearer := startBench(b, "--set", "ws.upstream=http://"+upstream)
	plain := plainNginx(b, upstream)
	compare(b, service, bearer, [2]string{"sidecar", "nginx"}, [2]string{service.public, plain})
}

// wanted is the number of connections that BenchmarkSidecarIdle holds if the
// limit of descriptors allows it. Each needs two descriptors of the sidecar,
// and two of this process, which is client and application.
const wanted = 20_000

// affordable returns wanted, or fewer if the limit of descriptors requires it.
func affordable(b *testing.B) int {
	b.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	n := min(wanted, int(limit.Cur*15/32)-100) // serve keeps places for its other listeners
	if n < wanted {
		b.Logf("%d descriptors allow for %d connections, not %d", limit.Cur, n, wanted)
	}
	return n
}

// BenchmarkSidecarIdle holds idle connections through the sidecar and then
// stops it. It measures the memory and the descriptors of a connection, and the
// time until all of them have received 1001 and the process has ended, with a
// drain window of a second. It runs once, whatever b.N is.
func BenchmarkSidecarIdle(b *testing.B) {
	idle := affordable(b)
	service, bearer := startBench(b, "--set", "ws.upstream=http://"+accepts(b), "--set", "ws.drain_window=1s")
	before := test.UseOf(b, service.cmd.Process.Pid)
	request := test.Handshake("GET /ws HTTP/1.1", "Host: localhost", "+Authorization: Bearer "+bearer)
	conns := make([]net.Conn, idle)
	test.Measure(b, 64, idle, func(n int) (err error) {
		conns[n], err = hold(b.Context(), service.public, n, request)
		return err
	})
	after := test.UseOf(b, service.cmd.Process.Pid)
	began := time.Now()
	if err := service.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	test.Measure(b, 64, idle, func(n int) error { return farewell(conns[n]) })
	<-service.exited
	b.ReportMetric(time.Since(began).Seconds(), "drain-s")
	b.ReportMetric(float64(after.Resident-before.Resident)/float64(idle)/1024, "KiB/conn")
	b.ReportMetric(float64(after.Descriptors-before.Descriptors)/float64(idle), "fd/conn")
	b.ReportMetric(0, "ns/op")
	if service.err != nil {
		b.Errorf("serve ended with %v", service.err)
	}
	service.stderr.WaitFor(b, fmt.Sprintf(`"msg":"drained","connections":%d,"closed":%d,"cut":0,"left":0`, idle, idle))
}

// plainNginx starts nginx with the printed configuration, without the question
// and everything else that a plain proxy does not do.
func plainNginx(b *testing.B, upstream string) string {
	b.Helper()
	return testenv.Nginx(b, func(s *testenv.NginxServer) string {
		return fmt.Sprintf(`access_log off;
server {
	listen %s;
	location / {
		proxy_pass http://%s;
		proxy_http_version 1.1;
		proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection "upgrade";
	}
}`, s.Addr(), upstream)
	}).Addr()
}

// accepts starts an application that accepts every handshake and closes with
// its client. It returns its address.
func accepts(b *testing.B) string {
	b.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := upgrade.Accept(w, r.Header.Get("Sec-WebSocket-Key"), nil)
		if err != nil {
			return
		}
		defer client.Close()
		_, _ = io.Copy(io.Discard, client)
	}))
	b.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// hold opens a WebSocket. The addresses take turns, so that each has ports to
// spare.
func hold(ctx context.Context, addr string, n int, request string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+n%8))}}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	answer := make([]byte, 4<<10)
	n, err = conn.Read(answer)
	if err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 101 ") {
		return nil, fmt.Errorf("handshake: %.20q, %w", answer[:n], err)
	}
	return conn, nil
}

// farewell reads the close frame, answers it and leaves.
func farewell(conn net.Conn) error {
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	frame := make([]byte, 64)
	n, err := io.ReadAtLeast(conn, frame, 4)
	if err != nil || !strings.HasPrefix(string(frame[:n]), "\x88\x14\x03\xe9") {
		return fmt.Errorf("got %q, %w, want close 1001", frame[:n], err)
	}
	_, _ = io.WriteString(conn, "\x88\x82\x00\x00\x00\x00\x03\xe9")
	return nil
}
