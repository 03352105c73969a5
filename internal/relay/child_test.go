package relay_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"wsticket/internal/bounded"
	"wsticket/internal/relay"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// The servers of the benchmarks. Each is a process of its own, so that its use of
// resources can be measured.

// serveChild serves "echo", "relay URL" or "reverseproxy URL" on a free port and
// prints its address. The relay has a listener with bounds, as in serve. Then, for
// each line that it reads, it releases unused memory and prints a line. It returns
// at the end of stdin.
func serveChild(what string, stdin io.Reader, stdout io.Writer) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	kind, upstream, _ := strings.Cut(what, " ")
	if kind == "echo" {
		go acceptEcho(l)
	} else {
		if tcp, ok := l.(*net.TCPListener); ok && kind == "relay" {
			l = bounded.Listen(tcp, bounded.Bounds{All: 1 << 20, OfAddress: 1 << 20})
		}
		server := &http.Server{Handler: proxyTo(kind, upstream), ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(l) }()
	}
	_, _ = fmt.Fprintln(stdout, l.Addr())
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		debug.FreeOSMemory()
		_, _ = fmt.Fprintln(stdout)
	}
}

func proxyTo(kind, upstream string) http.Handler {
	to, err := url.Parse(upstream)
	if err != nil {
		panic(err)
	}
	if kind == "reverseproxy" {
		return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	}
	r, err := relay.New(relay.Options{Upstream: upstream, Ping: time.Minute, IdleTimeout: time.Hour, MaxMessage: 1 << 20})
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		a, err := r.Open(in.Context(), r.Outbound(in, false))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer a.Close()
		_, _ = accept(a, w, in, nil)
	})
}

// child is a server to measure.
type child struct {
	name, addr string
	pids       []int
	// settle makes it release unused memory, as it would do by itself after some
	// time.
	settle func()
}

func startChild(b *testing.B, what string) child {
	b.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), os.Args[0], "-relay.child="+what)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	said := bufio.NewReader(stdout)
	line, err := said.ReadString('\n')
	if err != nil {
		b.Fatalf("%s: %v", what, err)
	}
	name, _, _ := strings.Cut(what, " ")
	return child{name, strings.TrimSpace(line), []int{cmd.Process.Pid}, func() {
		_, _ = io.WriteString(stdin, "\n")
		_, _ = said.ReadString('\n')
	}}
}

// startNginx starts nginx with the usual configuration for WebSockets.
func startNginx(b *testing.B, upstream string) child {
	b.Helper()
	n := testenv.Nginx(b, func(s *testenv.NginxServer) string {
		return "access_log off;\nserver { listen " + s.Addr() + ";\nlocation / {\nproxy_pass http://" + upstream + `;
proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_read_timeout 1h;
}}`
	})
	pid, err := os.ReadFile(filepath.Join(n.Dir(), "nginx.pid"))
	if err != nil {
		b.Fatal(err)
	}
	master := strings.TrimSpace(string(pid))
	c := child{name: "nginx", addr: n.Addr(), settle: func() {}}
	test.Wait(b, "nginx has a worker for each processor", func() bool {
		children, err := os.ReadFile(filepath.Join("/proc", master, "task", master, "children"))
		if err != nil {
			b.Skip("no /proc here")
		}
		c.pids = nil
		for field := range strings.FieldsSeq(string(children)) {
			pid, _ := strconv.Atoi(field)
			c.pids = append(c.pids, pid)
		}
		return len(c.pids) >= runtime.NumCPU()
	})
	return c
}
