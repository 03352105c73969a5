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

// pingTimeout ends a question to somebody who listens and says nothing.
const pingTimeout = time.Second

// RedisServer is a redis-server process of one test.
type RedisServer struct {
	tb      testing.TB
	program string
	args    []string
	dir     string
	addr    string
	tlsAddr string
	process *process
}

// Redis starts a redis-server on a free loopback port and returns when it
// answers. It keeps nothing on disk unless args say otherwise ("--appendonly",
// "yes", …); they are handed to it after the defaults, and its directory is a
// temporary one. The server is killed when the test ends.
func Redis(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	return launch(tb, func(s *RedisServer) {
		s.addr = FreeAddr(tb)
		s.args = slices.Concat(defaults(tb, s), args)
	})
}

// defaults are the arguments of every server: where it listens, nothing on
// disk, and replicas served at once in place of after five seconds.
func defaults(tb testing.TB, s *RedisServer) []string {
	tb.Helper()
	host, port := split(tb, s.addr)
	return []string{
		"--bind", host, "--port", port, "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0",
	}
}

// launch starts a server that prepare has given an address and arguments.
// Where it does not answer, somebody may have taken its port: prepare is asked
// for another one.
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

// Addr is the host and port that the server listens on. It stays the same
// across Kill and Restart.
func (s *RedisServer) Addr() string { return s.addr }

// URL is the address as redis://host:port.
func (s *RedisServer) URL() string { return "redis://" + s.addr }

// Freeze stops the server without ending it: connections stay open, and
// nothing is answered until Thaw.
func (s *RedisServer) Freeze() {
	s.tb.Helper()
	s.process.signal(s.tb, syscall.SIGSTOP)
}

// Thaw lets a frozen server run on. It then answers what it was sent
// meanwhile.
func (s *RedisServer) Thaw() {
	s.tb.Helper()
	s.process.signal(s.tb, syscall.SIGCONT)
}

// Kill ends the server as a power cut would. Frozen or ended already, it is
// gone afterwards.
func (s *RedisServer) Kill() {
	if s.process != nil {
		s.process.kill()
	}
}

// Restart kills the server where it still runs, starts it again on the same
// port with the same arguments and directory, and returns when it answers.
func (s *RedisServer) Restart() {
	s.tb.Helper()
	s.Kill()
	if !s.up() {
		s.tb.Fatalf("redis-server does not come back at %s:\n%s", s.addr, logTail(s.dir))
	}
}

// up starts the program and tells whether it answered in time.
func (s *RedisServer) up() bool {
	s.tb.Helper()
	s.process = start(s.tb, s.dir, syscall.SIGKILL, s.program, s.args...)
	return s.process.within(s.tb, func(ctx context.Context) bool { return s.process.ping(ctx, s.addr) })
}

// ping tells whether this process is the one that listens at addr, and ready
// for commands. Of a server that wants a password first only the readiness
// can be told.
func (p *process) ping(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if _, err := ask(ctx, addr, "ping"); err != nil {
		return strings.HasPrefix(err.Error(), "NOAUTH")
	}
	return info(ctx, addr, "server")["process_id"] == strconv.Itoa(p.cmd.Process.Pid)
}
