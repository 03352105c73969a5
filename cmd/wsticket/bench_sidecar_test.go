package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	rfc6455 "wsticket/internal/handshake"
	"wsticket/internal/testenv"
)

// BenchmarkSidecarHandshake is a whole WebSocket handshake to an application,
// each on a connection of its own: through the sidecar with a ticket (store
// memory:), against nginx that checks nothing. The two take turns. Tickets are
// issued beforehand.
func BenchmarkSidecarHandshake(b *testing.B) {
	upstream := accepts(b)
	service, bearer := sidecar(b, upstream)
	plain := plainNginx(b, upstream)
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			with, without := new(latencies), new(latencies)
			for done := 0; done < b.N; done += turn {
				tickets := make(chan string, min(turn, b.N-done))
				for range cap(tickets) {
					tickets <- issue(b, service.public, bearer).Ticket
				}
				with.shake(b, callers, cap(tickets), func() error { return upgrade(b.Context(), service.public, <-tickets) })
				without.shake(b, callers, cap(tickets), func() error { return upgrade(b.Context(), plain, "none") })
			}
			for name, l := range map[string]*latencies{"sidecar": with, "nginx": without} {
				b.ReportMetric(l.quantile(0.5), name+"-p50-ms")
				b.ReportMetric(l.quantile(0.99), name+"-p99-ms")
				b.ReportMetric(float64(b.N)/l.took.Seconds(), name+"/s")
			}
			b.ReportMetric(without.took.Seconds()/with.took.Seconds(), "ratio")
			b.ReportMetric(0, "ns/op") // of both together, which says nothing
		})
	}
}

// wanted is how many connections BenchmarkSidecarIdle holds where it may. Each
// is two descriptors of the sidecar, and two of this process, which is client
// and application.
const wanted = 20_000

// affordable is wanted, or what the limit of descriptors allows for.
func affordable(b *testing.B) int {
	b.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	n := min(wanted, int(limit.Cur/2)-200)
	if n < wanted {
		b.Logf("%d descriptors allow for %d connections, not %d", limit.Cur, n, wanted)
	}
	return n
}

// BenchmarkSidecarIdle holds idle connections through the sidecar and then ends
// it: what a connection costs it in memory and descriptors, and how long it
// takes until all of them have got 1001 and the process is gone, with a drain
// window of a second. It is done once, whatever b.N is.
func BenchmarkSidecarIdle(b *testing.B) {
	idle := affordable(b)
	service, bearer := sidecar(b, accepts(b), "--set", "ws.drain_window=1s")
	before := residentOf(b, service)
	request := fmt.Sprintf("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", bearer)
	conns := make([]net.Conn, idle)
	together(b, 64, idle, func(n int) (err error) {
		conns[n], err = hold(b.Context(), service.public, n, request)
		return err
	})
	after := residentOf(b, service)
	began := time.Now()
	if err := service.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	together(b, 64, idle, func(n int) error { return farewell(conns[n]) })
	<-service.exited
	b.ReportMetric(time.Since(began).Seconds(), "drain-s")
	b.ReportMetric(float64(after.bytes-before.bytes)/float64(idle)/1024, "KiB/conn")
	b.ReportMetric(float64(after.descriptors-before.descriptors)/float64(idle), "fd/conn")
	b.ReportMetric(0, "ns/op")
	if service.err != nil {
		b.Errorf("serve ended with %v", service.err)
	}
	service.stderr.waitFor(b, fmt.Sprintf(`"msg":"drained","connections":%d,"closed":%d,"cut":0,"left":0`, idle, idle))
}

// sidecar starts wsticket before an application, and returns a bearer for it.
func sidecar(b *testing.B, upstream string, args ...string) (service *process, bearer string) {
	b.Helper()
	bearer, keyFile := benchBearer(b)
	return start(b, append([]string{"serve", "--config", writeFile(b, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0"}
internal: {listen: "127.0.0.1:0"}
issuers:  [{issuer: "https://id.example.com", audience: [ws], algorithms: [EdDSA], public_key_file: %q}]
ws:       {upstream: "http://%s"}
limits:   {per_subject: "0", per_address: "0"}
`, keyFile, upstream))}, args...)...), bearer
}

// plainNginx starts nginx with the printed configuration, less the question and
// everything else that a plain proxy does not do.
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

// accepts is an application that takes every handshake and ends with its
// client. It returns its address.
func accepts(b *testing.B) string {
	b.Helper()
	return serving(b, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			rfc6455.AcceptKey(request.Header.Get("Sec-WebSocket-Key")))
		_, _ = io.Copy(io.Discard, conn)
	})
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

// resident is what a process holds.
type resident struct{ bytes, descriptors int }

func residentOf(b *testing.B, p *process) resident {
	b.Helper()
	dir := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	text, err := os.ReadFile(dir + "status")
	if err != nil {
		b.Skip("no /proc here")
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindStringSubmatch(string(text))
	kib, _ := strconv.Atoi(found[1])
	open, err := os.ReadDir(dir + "fd")
	if err != nil {
		b.Fatal(err)
	}
	return resident{kib << 10, len(open)}
}

// serving serves connections until the benchmark ends, and returns its address.
func serving(b *testing.B, serve func(net.Conn)) string {
	b.Helper()
	ln, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var connections sync.WaitGroup
	b.Cleanup(func() {
		_ = ln.Close() // ends accept
		connections.Wait()
	})
	connections.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	return ln.Addr().String()
}
