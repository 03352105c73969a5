package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// NginxServer is an nginx, that is a master process and its workers.
type NginxServer struct {
	tb      testing.TB
	dir     string
	addr    string
	process *process
}

// Nginx starts an nginx and returns when it accepts connections. The http block of
// its configuration is what config returns. That has to listen on Addr and to set
// access_log to a path relative to Dir ("access.log") or to off. There is one
// worker for each core. The nginx is stopped when the test ends.
func Nginx(tb testing.TB, config func(*NginxServer) string) *NginxServer {
	tb.Helper()
	s := &NginxServer{tb: tb, dir: tb.TempDir()}
	program := Need(tb, "nginx")
	tb.Cleanup(func() {
		s.process.terminate()
		if tb.Failed() {
			tb.Logf("nginx at %s said:\n%s%s", s.addr, logTail(s.dir), s.Log("error.log"))
		}
	})
	for range startTries {
		s.addr = FreeAddr(tb)
		s.write(config(s))
		// A master that is killed leaves its workers behind.
		s.process = start(tb, s.dir, syscall.SIGTERM, program, "-p", s.dir, "-c", "nginx.conf", "-e", "error.log", "-g", "daemon off;")
		if s.process.within(tb, s.ready) {
			return s
		}
		s.process.terminate()
	}
	tb.Fatalf("nginx does not start:\n%s%s", logTail(s.dir), s.Log("error.log"))
	return nil
}

// Addr returns the host and port that config has to listen on.
func (s *NginxServer) Addr() string { return s.addr }

// URL returns the address as http://host:port.
func (s *NginxServer) URL() string { return "http://" + s.addr }

// Dir returns the working directory of nginx. Relative paths start there.
func (s *NginxServer) Dir() string { return s.dir }

// Log returns the present content of a file in Dir: "error.log", or the one that
// config has set as access_log. It is empty if the file does not exist.
func (s *NginxServer) Log(name string) string {
	s.tb.Helper()
	return readLog(s.tb, filepath.Join(s.dir, name))
}

// write writes the configuration. All its files are below dir.
func (s *NginxServer) write(http string) {
	s.tb.Helper()
	var config strings.Builder
	if os.Geteuid() == 0 {
		// Otherwise the workers run as nobody, who may not enter dir.
		config.WriteString("user root;\n")
	}
	config.WriteString("worker_processes auto;\npid nginx.pid;\nerror_log error.log notice;\nevents { worker_connections 10000; }\nhttp {\n")
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&config, "%s_temp_path %s;\n", kind, kind)
	}
	config.WriteString(http + "\n}\n")
	if err := os.WriteFile(filepath.Join(s.dir, "nginx.conf"), []byte(config.String()), 0o600); err != nil {
		s.tb.Fatalf("nginx: %v", err)
	}
}

// ready reports whether our process listens. nginx writes its PID file after it
// has opened its sockets.
func (s *NginxServer) ready(context.Context) bool {
	pid, err := os.ReadFile(filepath.Join(s.dir, "nginx.pid"))
	return err == nil && strings.TrimSpace(string(pid)) == strconv.Itoa(s.process.cmd.Process.Pid)
}

// readLog returns the content of a file that a server writes.
func readLog(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		tb.Errorf("read a log: %v", err)
	}
	return string(text)
}
