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

// NginxServer is an nginx of one test: a master and its workers.
type NginxServer struct {
	tb      testing.TB
	dir     string
	addr    string
	process *process
}

// Nginx starts an nginx and returns when it accepts connections. What config
// returns becomes the http block: one server in it listens on the server's
// Addr, and access_log has to be set, with a path that is relative to Dir
// ("access.log") or off. There is one worker for each core. The servers end
// with the test.
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
		// Killed, a master would leave its workers behind.
		s.process = start(tb, s.dir, syscall.SIGTERM, program, "-p", s.dir, "-c", "nginx.conf", "-e", "error.log", "-g", "daemon off;")
		if s.process.within(tb, s.ready) {
			return s
		}
		s.process.terminate()
	}
	tb.Fatalf("nginx does not start:\n%s%s", logTail(s.dir), s.Log("error.log"))
	return nil
}

// Addr is the host and port that config is to listen on.
func (s *NginxServer) Addr() string { return s.addr }

// URL is the address as http://host:port.
func (s *NginxServer) URL() string { return "http://" + s.addr }

// Dir is where nginx runs, and where its relative paths begin.
func (s *NginxServer) Dir() string { return s.dir }

// Log is what stands in a file of the server by now: "error.log", or the one
// that config names for access_log. A file that is not there is empty.
func (s *NginxServer) Log(name string) string {
	s.tb.Helper()
	return readLog(s.tb, filepath.Join(s.dir, name))
}

// write makes the configuration: nothing of it is outside of dir.
func (s *NginxServer) write(http string) {
	s.tb.Helper()
	var config strings.Builder
	if os.Geteuid() == 0 {
		// Else the workers are nobody, who may not enter dir.
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

// ready tells whether this process has its listening sockets: it writes its
// number down after it has opened them.
func (s *NginxServer) ready(context.Context) bool {
	pid, err := os.ReadFile(filepath.Join(s.dir, "nginx.pid"))
	return err == nil && strings.TrimSpace(string(pid)) == strconv.Itoa(s.process.cmd.Process.Pid)
}

// readLog reads a file that a server writes.
func readLog(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		tb.Errorf("read a log: %v", err)
	}
	return string(text)
}
