package testenv

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Need returns the path of a program, which is looked for where Debian has
// servers and build.sh puts what it has built too, whatever the PATH says.
// Where it is missing the test is skipped,
// except under CI=true, where it fails: a test that quietly does not run
// proves nothing.
func Need(tb testing.TB, program string) string {
	tb.Helper()
	// What we have built is of the version that the tests are about.
	for _, dir := range []string{built(), "", "/usr/local/sbin/", "/usr/sbin/"} {
		if path, err := exec.LookPath(dir + program); err == nil {
			return path
		}
	}
	missing(tb, program, installer)
	return ""
}

// installer is what installs the programs.
const installer = "internal/testenv/install.sh"

func missing(tb testing.TB, what, remedy string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is missing; run %s", what, remedy)
	}
	tb.Skipf("%s is missing; run %s", what, remedy)
}

// built is the directory that build.sh keeps its programs in.
func built() string {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = os.Getenv("HOME") + "/.cache"
	}
	return cache + "/wsticket/"
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

// NeedPython returns the path of a Python that has the modules: Debian's own,
// to which its packages belong, or else the one in PATH. Where there is none it
// does what [Need] does.
func NeedPython(tb testing.TB, modules ...string) string {
	tb.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		ask := exec.CommandContext(tb.Context(), python, "-c", "import "+strings.Join(modules, ", "))
		if ask.Run() == nil {
			return python
		}
	}
	missing(tb, "Python with "+strings.Join(modules, " and "), installer)
	return ""
}

// NeedNode returns the path of a Node.js for scripts that import the npm
// packages of dir, the folder of a package.json. Make installs those; a test
// does not. Where either is missing it does what [Need] does.
func NeedNode(tb testing.TB, dir string) string {
	tb.Helper()
	path := Need(tb, "node")
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err != nil {
		missing(tb, modules, "npm ci in "+dir)
	}
	return path
}
