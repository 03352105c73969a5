package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/internal/upgrade"
)

// withFiles starts a wsticket that may have so many open files.
func withFiles(t *testing.T, files int, args ...string) *process {
	t.Helper()
	cmd := command(context.Background(), t, args...)
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args = shell, append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files), os.Args[0]}, args...)
	p := launchCommand(t, cmd)
	p.await(t)
	return p
}

// knock opens a connection from the n-th of eight addresses, which take turns,
// and sends text. It returns nil if the server has closed it already.
func knock(t *testing.T, addr string, n int, text string) net.Conn {
	t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%8))}}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, text)
	return conn
}

// probesAnswer expects the probes of both listeners to answer.
func probesAnswer(t *testing.T, p *process) {
	t.Helper()
	for _, url := range []string{
		p.internal + "/livez", p.internal + "/readyz", p.internal + "/metrics", p.health + "/livez", p.health + "/readyz",
	} {
		if a := send(t, http.MethodGet, "http://"+url, "", ""); a.status != http.StatusOK {
			t.Errorf("%s = %d during the flood, want 200", url, a.status)
		}
	}
}

// TestFlood: connections that do nothing take neither the places of the probes
// nor, from one address, those of others; and once they are gone everybody gets
// in again.
func TestFlood(t *testing.T) {
	t.Parallel()
	idp, certs := newProvider(t), testenv.TLS(t)
	file, bearer := idp.config(t, "memory:"), idp.bearer(t, "alice")
	secure := []string{"--set", "public.tls.cert_file=" + certs.ServerCertFile, "--set", "public.tls.key_file=" + certs.ServerKeyFile}
	for rule, row := range map[string]struct {
		text string
		more []string
	}{
		"idle connections":                     {"", nil},
		"slow headers":                         {"GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", nil},
		"bodies that never come":               {"POST /ws-ticket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + bearer + "\r\nContent-Length: 100\r\n\r\n", nil},
		"TLS handshakes that are not finished": {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", secure},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			p := withFiles(t, 256, append([]string{"serve", "--config", file, "--set", "health.listen=127.0.0.1:0"}, row.more...)...)
			transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting(t, certs)}
			client, scheme := &http.Client{Timeout: patience, Transport: transport}, "http"
			if row.more != nil {
				scheme = "https"
			}
			getsIn := func() bool {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+p.public+"/ws-ticket", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+bearer)
				res, err := client.Do(req)
				if err != nil {
					return false
				}
				return res.Body.Close() == nil && res.StatusCode == http.StatusCreated
			}
			var flood []net.Conn
			for range 300 {
				flood = append(flood, knock(t, p.public, 0, row.text))
			}
			if !getsIn() {
				t.Error("no ticket for another address")
			}
			for n := range 300 {
				flood = append(flood, knock(t, p.public, n, row.text))
			}
			probesAnswer(t, p)
			for _, conn := range flood {
				if conn != nil {
					_ = conn.Close()
				}
			}
			test.Wait(t, "a ticket after the flood", getsIn)
			p.stderr.WaitFor(t, "connections are refused", `"bound":"address"`, "public.trusted_proxies")
			if strings.Contains(p.stderr.String(), `"fault":"accept"`) {
				t.Errorf("the descriptors were exhausted:\n%s", p.stderr)
			}
		})
	}
}

// TestFloodOfWebSockets: relayed WebSockets count until their ends, with two
// descriptors each. What is admitted always reaches the application.
func TestFloodOfWebSockets(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, err := upgrade.Accept(w, r.Header.Get("Sec-WebSocket-Key"), nil); err == nil {
			_, _ = io.Copy(io.Discard, client)
			_ = client.Close()
		}
	}))
	t.Cleanup(app.Close)
	for _, upstream := range []string{"ws.upstream=" + app.URL, "ws.upstream="} {
		t.Run(upstream, func(t *testing.T) {
			t.Parallel()
			idp := newProvider(t)
			p := withFiles(t, 256, "serve", "--config", idp.config(t, "memory:"), "--set", "health.listen=127.0.0.1:0", "--set", upstream)
			request := test.Handshake("GET /ws HTTP/1.1", "Host: localhost", "+Authorization: Bearer "+idp.bearer(t, "alice"))
			var held []net.Conn
			for n := range 300 {
				conn := knock(t, p.public, n, request)
				if conn == nil {
					continue
				}
				if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				answer := make([]byte, 4<<10)
				n, err := conn.Read(answer)
				switch {
				case strings.HasPrefix(string(answer[:n]), "HTTP/1.1 101 "):
					held = append(held, conn)
				case n > 0 || err == nil:
					t.Fatalf("got %q, %v, want 101 or the end", answer[:n], err)
				}
			}
			if len(held) < 50 || len(held) > 200 {
				t.Errorf("%d WebSockets with 256 files, want at least 50 and at most 200", len(held))
			}
			probesAnswer(t, p)
			metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
			for _, line := range []string{
				fmt.Sprintf(`wsticket_tcp_connections{listener="public"} %d`, len(held)),
				fmt.Sprintf(`wsticket_tcp_connections_max{listener="public"} %d`, len(held)),
				fmt.Sprintf(`wsticket_tcp_connections_refused_total{bound="all",listener="public"} %d`, 300-len(held)),
			} {
				if !strings.Contains(metrics, line+"\n") {
					t.Errorf("no %s in the metrics", line)
				}
			}
			for _, conn := range held {
				_ = conn.Close()
			}
			test.Wait(t, "the end of all WebSockets", func() bool {
				metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
				return strings.Contains(metrics, "wsticket_tcp_connections{listener=\"public\"} 0\n")
			})
			if conn, err := hold(t.Context(), p.public, 0, request); err != nil {
				t.Errorf("after the flood: %v", err)
			} else {
				_ = conn.Close()
			}
		})
	}
}

// TestMoreConnectionsThanFiles: check-config and serve say so, and how many there
// may be is in the first line of the log.
func TestMoreConnectionsThanFiles(t *testing.T) {
	t.Parallel()
	file := newProvider(t).config(t, "memory:")
	_, warned, err := runIn(t, nil, "check-config", "--config", file, "--set", "public.max_connections=99999999")
	if err != nil || !strings.Contains(warned, "warning: public.max_connections: 99999999 are more than") {
		t.Errorf("check-config says %q, %v, want a warning", warned, err)
	}
	if _, warned, err := runIn(t, nil, "check-config", "--config", file, "--set", "public.max_connections=9"); err != nil || warned != "" {
		t.Errorf("check-config says %q, %v, want nothing", warned, err)
	}
	p := withFiles(t, 256, "serve", "--config", file, "--set", "public.max_connections=400")
	p.stderr.WaitFor(t, "public.max_connections: 400 are more than")
	p.stderr.WaitFor(t, `"msg":"serving"`, `"max_connections":400,"max_connections_per_address":100`)
}
