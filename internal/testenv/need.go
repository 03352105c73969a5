package testenv

import (
	"context"
	"net"
	"os"
	"os/exec"
	"testing"
)

// Need returns the path of a program. Where it is missing the test is skipped,
// except under CI=true, where it fails: a test that quietly does not run
// proves nothing.
func Need(tb testing.TB, program string) string {
	tb.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is missing; run internal/testenv/install.sh", program)
	}
	tb.Skipf("%s is missing; run internal/testenv/install.sh", program)
	return ""
}

// FreeAddr returns a loopback address with a TCP port that nobody listens on.
// Somebody may take it before the caller does; whoever starts a server there
// tries again with another one.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(context.WithoutCancel(tb.Context()), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("free address: %v", err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		tb.Fatalf("free address: %v", err)
	}
	return addr
}
