package testenv_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"wsticket/internal/testenv"
)

// ask sends one inline command and returns the first line of the answer.
func ask(t *testing.T, addr, command string, patience time.Duration) (string, error) {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

func mustAnswer(t *testing.T, addr, command, want string) {
	t.Helper()
	got, err := ask(t, addr, command, 5*time.Second)
	if err != nil || got != want {
		t.Fatalf("%s: got %q, %v; want %q", command, got, err, want)
	}
}

func TestRedisAnswersAtOnce(t *testing.T) {
	s := testenv.Redis(t)
	mustAnswer(t, s.Addr(), "PING", "+PONG")
	if got, want := s.URL(), "redis://"+s.Addr(); got != want {
		t.Errorf("URL: got %q, want %q", got, want)
	}
}

func TestRedisTakesArguments(t *testing.T) {
	s := testenv.Redis(t, "--requirepass", "swordfish")
	got, err := ask(t, s.Addr(), "PING", 5*time.Second)
	if err != nil || !strings.HasPrefix(got, "-NOAUTH") {
		t.Errorf("PING without the password: got %q, %v; want -NOAUTH", got, err)
	}
	mustAnswer(t, s.Addr(), "AUTH swordfish", "+OK")
}

func TestRedisFreezeAndThaw(t *testing.T) {
	s := testenv.Redis(t)
	s.Freeze()
	if got, err := ask(t, s.Addr(), "PING", 50*time.Millisecond); err == nil {
		t.Errorf("frozen: got %q, want a time-out", got)
	}
	s.Thaw()
	mustAnswer(t, s.Addr(), "PING", "+PONG")
}

func TestRedisKillAndRestart(t *testing.T) {
	s := testenv.Redis(t)
	addr := s.Addr()
	mustAnswer(t, addr, "SET k v", "+OK")
	s.Kill()
	s.Kill() // twice is no error
	if got, err := ask(t, addr, "PING", time.Second); err == nil {
		t.Errorf("killed: got %q, want an error", got)
	}
	s.Restart()
	if s.Addr() != addr {
		t.Errorf("restarted at %s, want %s", s.Addr(), addr)
	}
	mustAnswer(t, addr, "GET k", "$-1") // nothing was kept
}

func TestRedisKeepsItsDirectoryAcrossRestart(t *testing.T) {
	s := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	mustAnswer(t, s.Addr(), "SET k v", "+OK")
	s.Restart()
	mustAnswer(t, s.Addr(), "GET k", "$1")
}

// A frozen server is killed too: nothing may be left behind by a test that
// ends while its server is stopped.
func TestRedisEndsWithTheTest(t *testing.T) {
	var addr string
	t.Run("inner", func(t *testing.T) {
		s := testenv.Redis(t)
		addr = s.Addr()
		s.Freeze()
	})
	if got, err := ask(t, addr, "PING", time.Second); err == nil {
		t.Errorf("after the test: got %q, want an error", got)
	}
}

// fakeTB records how a helper gave up, and stops it there as the real one
// does.
type fakeTB struct {
	testing.TB
	said    string
	skipped bool
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(f)
}

func (f *fakeTB) Skipf(format string, args ...any) {
	f.skipped = true
	f.Fatalf(format, args...)
}

// gaveUp runs fn with a fakeTB and reports what it said.
func gaveUp(t *testing.T, fn func(testing.TB)) (f *fakeTB) {
	t.Helper()
	f = &fakeTB{TB: t}
	defer func() {
		if r := recover(); r != nil && r != f {
			panic(r)
		}
	}()
	fn(f)
	return f
}

func TestNeed(t *testing.T) {
	if path := testenv.Need(t, "sh"); !strings.HasSuffix(path, "/sh") {
		t.Errorf("Need(sh): got %q", path)
	}
	tests := []struct {
		rule, ci string
		skipped  bool
	}{
		{"a developer's machine may lack a server", "", true},
		{"in CI a missing server is a failure", "true", false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Setenv("CI", tt.ci)
			got := gaveUp(t, func(tb testing.TB) { testenv.Need(tb, "no-such-program") })
			if got.skipped != tt.skipped {
				t.Errorf("skipped: got %v, want %v", got.skipped, tt.skipped)
			}
			if !strings.Contains(got.said, "no-such-program is missing") {
				t.Errorf("message: got %q, want the program named", got.said)
			}
		})
	}
}

func TestRedisThatCannotStart(t *testing.T) {
	got := gaveUp(t, func(tb testing.TB) { testenv.Redis(tb, "--no-such-option", "1") })
	if !strings.Contains(got.said, "no-such-option") {
		t.Errorf("message: got %q, want what the server printed", got.said)
	}
}

func TestRedisThatCannotComeBack(t *testing.T) {
	got := gaveUp(t, func(tb testing.TB) {
		s := testenv.Redis(tb)
		s.Kill()
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), "tcp", s.Addr())
		if err != nil {
			t.Fatalf("take the port: %v", err)
		}
		defer func() { _ = l.Close() }()
		s.Restart()
	})
	if !strings.Contains(got.said, "does not come back") {
		t.Errorf("message: got %q, want that the server does not come back", got.said)
	}
}

func TestRedisThatIsGoneCannotFreeze(t *testing.T) {
	got := gaveUp(t, func(tb testing.TB) {
		s := testenv.Redis(tb)
		s.Kill()
		s.Freeze()
	})
	if !strings.Contains(got.said, "redis-server: signal") {
		t.Errorf("message: got %q, want the program and what was tried", got.said)
	}
}

func TestFreeAddr(t *testing.T) {
	addr := testenv.FreeAddr(t)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatalf("listen on a free address: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
