package testenv

import (
	"bufio"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is how long a server may take until it answers. It takes
	// 20 ms; a machine that runs many tests at once takes longer.
	startTimeout = 10 * time.Second
	// startTries bounds how often a port is taken by somebody else.
	startTries = 5
	pollEvery  = 5 * time.Millisecond
	// pingTimeout ends a question to somebody who listens and says nothing.
	pingTimeout = time.Second
)

// RedisServer is a redis-server process of one test.
type RedisServer struct {
	tb      testing.TB
	program string
	args    []string
	dir     string
	addr    string
	process *process
}

// Redis starts a redis-server on a free loopback port and returns when it
// answers. It keeps nothing on disk unless args say otherwise ("--appendonly",
// "yes", …); they are handed to it after the defaults, and its directory is a
// temporary one. The server is killed when the test ends.
func Redis(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	s := &RedisServer{tb: tb, program: Need(tb, "redis-server"), args: args, dir: tb.TempDir()}
	tb.Cleanup(func() {
		s.Kill()
		if tb.Failed() {
			tb.Logf("redis-server at %s said:\n%s", s.addr, logTail(s.dir))
		}
	})
	for range startTries {
		s.addr = FreeAddr(tb)
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
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		s.tb.Fatalf("address of redis-server: %v", err)
	}
	args := append([]string{
		"--bind", host, "--port", port, "--dir", s.dir,
		"--save", "", "--appendonly", "no",
	}, s.args...)
	s.process = start(s.tb, s.dir, s.program, args...)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.tb.Context()), startTimeout)
	defer cancel()
	return s.process.answers(ctx, s.addr)
}

// answers asks until the server replies, dies, or ctx ends.
func (p *process) answers(ctx context.Context, addr string) bool {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !p.ping(ctx, addr) {
		select {
		case <-ctx.Done():
			return false
		case <-p.dead:
			return false
		case <-tick.C:
		}
	}
	return true
}

// ping tells whether this process is the one that listens at addr, and ready
// for commands. Of a server that wants a password first only the readiness
// can be told.
func (p *process) ping(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing is lost with this connection
	if end, ok := ctx.Deadline(); ok && conn.SetDeadline(end) != nil {
		return false
	}
	if _, err := io.WriteString(conn, "PING\r\nINFO server\r\n"); err != nil {
		return false
	}
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != "+PONG" {
		return strings.HasPrefix(lines.Text(), "-NOAUTH")
	}
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			return id == strconv.Itoa(p.cmd.Process.Pid)
		}
	}
	return false
}
