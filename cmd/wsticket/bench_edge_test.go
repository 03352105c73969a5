package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/internal/testenv"
)

// BenchmarkNginxHandshake is a whole WebSocket handshake through nginx, each on
// a connection of its own: with the printed configuration, where nginx asks
// wsticket by auth_request (store memory:), against the same without the
// question. The two take turns, so that a machine that is busy for a while is
// busy for both. Tickets are issued beforehand. Client and application are in
// this process, and take their share of the machine in both.
func BenchmarkNginxHandshake(b *testing.B) {
	bearer, keyFile := benchBearer(b)
	service := start(b, "serve", "--config", writeFile(b, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0", trusted_proxies: [127.0.0.1]}
internal: {listen: "127.0.0.1:0"}
issuers:  [{issuer: "https://id.example.com", audience: [ws], algorithms: [EdDSA], public_key_file: %q}]
limits:   {per_subject: "0", per_address: "0"}
log:      {level: error}
`, keyFile)))
	text := benchPrint(b, "nginx", "--public", service.public, "--internal", service.internal, "--upstream", upgrades(b))
	asking := nginxAddr(b, text)
	plain := nginxAddr(b, regexp.MustCompile(`(?m)^\s*auth_request /.*\n`).ReplaceAllString(text, ""))
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			with, without := new(latencies), new(latencies)
			for done := 0; done < b.N; done += turn {
				tickets := make(chan string, min(turn, b.N-done))
				for range cap(tickets) {
					tickets <- issue(b, service.public, bearer).Ticket
				}
				with.shake(b, callers, cap(tickets), func() error { return upgrade(b.Context(), asking, <-tickets) })
				without.shake(b, callers, cap(tickets), func() error { return upgrade(b.Context(), plain, "none") })
			}
			for name, l := range map[string]*latencies{"asked": with, "plain": without} {
				b.ReportMetric(l.quantile(0.5), name+"-p50-ms")
				b.ReportMetric(l.quantile(0.99), name+"-p99-ms")
			}
			b.ReportMetric(float64(b.N)/with.took.Seconds(), "asked/s")
			b.ReportMetric(float64(b.N)/without.took.Seconds(), "plain/s")
			b.ReportMetric(0, "ns/op") // of both together, which says nothing
		})
	}
}

// nginxAddr starts an nginx with a printed configuration.
func nginxAddr(b *testing.B, text string) string {
	b.Helper()
	return testenv.Nginx(b, func(s *testenv.NginxServer) string {
		return strings.NewReplacer("listen 80;", "listen "+s.Addr()+";", "/var/log/nginx/", "").Replace(text)
	}).Addr()
}

// benchPrint is print-config.
func benchPrint(b *testing.B, args ...string) string {
	b.Helper()
	var out strings.Builder
	err := run(b.Context(), world{Args: append([]string{"print-config"}, args...), Stdout: &out, Stderr: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	return out.String()
}

// latencies are how long handshakes took, each and all together.
type latencies struct {
	mu   sync.Mutex
	all  []time.Duration
	took time.Duration
}

// shake makes handshakes, so many at once.
func (l *latencies) shake(b *testing.B, callers, times int, do func() error) {
	b.Helper()
	began := time.Now()
	var next atomic.Int64
	var failed atomic.Value
	var workers sync.WaitGroup
	for range callers {
		workers.Go(func() {
			for next.Add(1) <= int64(times) {
				began := time.Now()
				if err := do(); err != nil {
					failed.Store(err)
				}
				l.add(time.Since(began))
			}
		})
	}
	workers.Wait()
	l.took += time.Since(began)
	if err := failed.Load(); err != nil {
		b.Fatal(err)
	}
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, d)
}

// quantile is in milliseconds.
func (l *latencies) quantile(q float64) float64 {
	slices.Sort(l.all)
	return l.all[int(q*float64(len(l.all)-1))].Seconds() * 1000
}

// upgrades is an application that takes every handshake and ends with its
// client. It returns its address.
func upgrades(b *testing.B) string {
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
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	return ln.Addr().String()
}

// upgrade makes one handshake on a new connection and leaves.
func upgrade(ctx context.Context, addr, token string) error {
	d := net.Dialer{Timeout: patience}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Else thousands of ports could not be used for a minute.
		_ = tcp.SetLinger(0)
	}
	var key [16]byte
	_, _ = rand.Read(key[:])
	_, err = fmt.Fprintf(conn, "GET /ws?ticket=%s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", token, base64.StdEncoding.EncodeToString(key[:]))
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		return errors.New(res.Status)
	}
	return nil
}
