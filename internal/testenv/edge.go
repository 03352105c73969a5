package testenv

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// EdgeServer is a reverse proxy that runs in one process.
type EdgeServer struct {
	tb      testing.TB
	dir     string
	addr    string
	process *process
}

// Addr returns the host and port that the configuration has to listen on.
func (s *EdgeServer) Addr() string { return s.addr }

// Dir returns the working directory of the proxy. Relative paths start there.
func (s *EdgeServer) Dir() string { return s.dir }

// Write writes a file to Dir, which the configuration may refer to.
func (s *EdgeServer) Write(name, text string) {
	s.tb.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.tb.Fatalf("configuration: %v", err)
	}
}

// Log returns the present content of a file in Dir. It is empty if the file does
// not exist.
func (s *EdgeServer) Log(name string) string {
	s.tb.Helper()
	return readLog(s.tb, filepath.Join(s.dir, name))
}

// Output returns what the proxy has printed so far.
func (s *EdgeServer) Output() string {
	s.tb.Helper()
	return readLog(s.tb, logFile(s.dir))
}

// HAProxy starts an HAProxy with the configuration that config returns. It returns
// when HAProxy accepts connections at Addr, and stops it when the test ends.
func HAProxy(tb testing.TB, config func(*EdgeServer) string) *EdgeServer {
	tb.Helper()
	return edge(tb, "haproxy", "haproxy.cfg", config, "-db", "-f")
}

// Caddy starts a Caddy with the Caddyfile that config returns. It returns when
// Caddy accepts connections at Addr, and stops it when the test ends.
func Caddy(tb testing.TB, config func(*EdgeServer) string) *EdgeServer {
	tb.Helper()
	return edge(tb, "caddy", "Caddyfile", config, "run", "--adapter", "caddyfile", "--config")
}

// Traefik starts a Traefik with the static configuration that config returns. It
// returns when Traefik accepts connections at Addr, and stops it when the test
// ends.
func Traefik(tb testing.TB, config func(*EdgeServer) string) *EdgeServer {
	tb.Helper()
	return edge(tb, "traefik", "traefik.yml", config, "--configFile")
}

// edge runs a program whose last argument is its configuration file.
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

// accepts reports whether the proxy listens at its address. If another process has
// taken the address, ours is about to end, because it cannot listen.
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
