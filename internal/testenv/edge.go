package testenv

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// EdgeServer is a proxy at the edge of a test's network, in one process.
type EdgeServer struct {
	tb      testing.TB
	dir     string
	addr    string
	process *process
}

// Addr is the host and port that the configuration is to listen on.
func (s *EdgeServer) Addr() string { return s.addr }

// Dir is where the proxy runs, and where its relative paths begin.
func (s *EdgeServer) Dir() string { return s.dir }

// Write makes a file in Dir, for a configuration that names it.
func (s *EdgeServer) Write(name, text string) {
	s.tb.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.tb.Fatalf("configuration: %v", err)
	}
}

// Log is what stands in a file of the proxy by now. A file that is not there
// is empty.
func (s *EdgeServer) Log(name string) string {
	s.tb.Helper()
	return readLog(s.tb, filepath.Join(s.dir, name))
}

// Output is what the proxy has printed.
func (s *EdgeServer) Output() string {
	s.tb.Helper()
	return readLog(s.tb, logFile(s.dir))
}

// HAProxy starts an HAProxy with the configuration that config returns, and
// returns when it accepts connections at Addr. It ends with the test.
func HAProxy(tb testing.TB, config func(*EdgeServer) string) *EdgeServer {
	tb.Helper()
	return edge(tb, "haproxy", "haproxy.cfg", config, "-db", "-f")
}

// Caddy starts a Caddy with the Caddyfile that config returns, and returns
// when it accepts connections at Addr. It ends with the test.
func Caddy(tb testing.TB, config func(*EdgeServer) string) *EdgeServer {
	tb.Helper()
	return edge(tb, "caddy", "Caddyfile", config, "run", "--adapter", "caddyfile", "--config")
}

// Traefik starts a Traefik with the static configuration that config returns,
// and returns when it accepts connections at Addr. It ends with the test.
func Traefik(tb testing.TB, config func(*EdgeServer) string) *EdgeServer {
	tb.Helper()
	return edge(tb, "traefik", "traefik.yml", config, "--configFile")
}

// edge runs a program whose last argument is a file with its configuration.
func edge(tb testing.TB, name, file string, config func(*EdgeServer) string, args ...string) *EdgeServer {
	tb.Helper()
	s := &EdgeServer{tb: tb, dir: tb.TempDir()}
	program := Need(tb, name)
	tb.Cleanup(func() {
		s.process.terminate()
		if tb.Failed() {
			tb.Logf("%s at %s said:\n%s", name, s.addr, logTail(s.dir))
		}
	})
	for range startTries {
		s.addr = FreeAddr(tb)
		s.Write(file, config(s))
		s.process = start(tb, s.dir, syscall.SIGKILL, program, append(args, file)...)
		if s.process.within(tb, s.accepts) {
			return s
		}
		s.process.terminate()
	}
	tb.Fatalf("%s does not start:\n%s", name, logTail(s.dir))
	return nil
}

// accepts tells whether somebody listens. Where it is not our process, that one
// is about to end, for these programs do not run without their sockets.
func (s *EdgeServer) accepts(ctx context.Context) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return false
	}
	_ = conn.Close()
	select {
	case <-s.process.dead:
		return false
	default:
		return true
	}
}
