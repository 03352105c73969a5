package testenv

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pingTimeout limits how long a server may take to answer a PING.
const pingTimeout = time.Second

// RedisServer is a redis-server process of a test.
type RedisServer struct {
	tb      testing.TB
	program string
	args    []string
	dir     string
	addr    string
	tlsAddr string
	process *process
}

// Redis starts a redis-server on a free loopback port and returns when it answers.
// The args follow the defaults on its command line. By default it stores nothing on
// disk; with args such as "--appendonly", "yes" it uses a temporary directory. The
// server is killed when the test ends.
func Redis(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	return launch(tb, func(s *RedisServer) {
		s.addr = FreeAddr(tb)
		s.args = slices.Concat(defaults(tb, s), args)
	})
}

// defaults returns the arguments of every server: its address, nothing on disk,
// and replication that starts at once instead of after five seconds.
func defaults(tb testing.TB, s *RedisServer) []string {
	tb.Helper()
	host, port := split(tb, s.addr)
	return []string{
		"--bind", host, "--port", port, "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0",
	}
}

// launch starts a server after prepare has set its address and arguments. If the
// server does not answer, another process may have taken its port: then launch
// tries again and lets prepare choose another one.
func launch(tb testing.TB, prepare func(*RedisServer)) *RedisServer {
	tb.Helper()
	s := &RedisServer{tb: tb, program: Need(tb, "redis-server"), dir: tb.TempDir()}
	tb.Cleanup(func() {
		s.Kill()
		if tb.Failed() {
			tb.Logf("redis-server at %s said:\n%s", s.addr, logTail(s.dir))
		}
	})
	for range startTries {
		prepare(s)
		if s.up() {
			return s
		}
		s.Kill()
	}
	tb.Fatalf("redis-server does not answer:\n%s", logTail(s.dir))
	return nil
}

// Addr returns the host and port of the server, which Kill and Restart do not
// change.
func (s *RedisServer) Addr() string { return s.addr }

// URL returns the address as redis://host:port.
func (s *RedisServer) URL() string { return "redis://" + s.addr }

// Freeze suspends the server: connections stay open, and it answers nothing until
// Thaw.
func (s *RedisServer) Freeze() {
	s.tb.Helper()
	s.process.signal(s.tb, syscall.SIGSTOP)
}

// Thaw resumes a frozen server. It then answers what it was sent in the meantime.
func (s *RedisServer) Thaw() {
	s.tb.Helper()
	s.process.signal(s.tb, syscall.SIGCONT)
}

// Kill ends the server at once, like a power cut. The server may be frozen or dead
// already.
func (s *RedisServer) Kill() {
	if s.process != nil {
		s.process.kill()
	}
}

// Restart kills the server if it still runs, starts it again on the same port with
// the same arguments and directory, and returns when it answers.
func (s *RedisServer) Restart() {
	s.tb.Helper()
	s.Kill()
	if !s.up() {
		s.tb.Fatalf("redis-server does not come back at %s:\n%s", s.addr, logTail(s.dir))
	}
}

// up starts the program and reports whether it answers in time.
func (s *RedisServer) up() bool {
	s.tb.Helper()
	s.process = start(s.tb, s.dir, syscall.SIGKILL, s.program, s.args...)
	return s.process.within(s.tb, func(ctx context.Context) bool { return s.process.ping(ctx, s.addr) })
}

// ping reports whether this process listens at addr and is ready for commands. If
// the server requires a password, another process may be the one that listens.
func (p *process) ping(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if _, err := ask(ctx, addr, "ping"); err != nil {
		return strings.HasPrefix(err.Error(), "NOAUTH")
	}
	return info(ctx, addr, "server")["process_id"] == strconv.Itoa(p.cmd.Process.Pid)
}
