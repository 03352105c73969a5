package testenv

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Need returns the path of a program. Besides PATH it looks where Debian and Homebrew
// install servers and where build.sh puts what it has built. If the program is missing
// the test is skipped, or fails if CI=true, so that CI cannot skip a test
// unnoticed.
func Need(tb testing.TB, program string) string {
	tb.Helper()
	// First what we have built, which has the version that the tests need.
	dirs := []string{built(), "", "/usr/local/sbin/", "/usr/sbin/"}
	// PostgreSQL has a folder for each version: Debian, Homebrew on ARM and on Intel.
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/opt/homebrew/opt/postgresql@*/bin/", "/usr/local/opt/postgresql@*/bin/"} {
		versions, _ := filepath.Glob(pattern) // the patterns are valid
		dirs = append(dirs, versions...)
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(dir + program); err == nil {
			return path
		}
	}
	missing(tb, program, installer)
	return ""
}

// installer is the script that installs the programs.
const installer = "internal/testenv/install.sh"

func missing(tb testing.TB, what, remedy string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is missing; run %s", what, remedy)
	}
	tb.Skipf("%s is missing; run %s", what, remedy)
}

// built returns the directory of the programs that build.sh has built.
func built() string {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = os.Getenv("HOME") + "/.cache"
	}
	return cache + "/wsticket/"
}

// The ports that FreeAddr chooses from are below those that systems give to clients and
// to servers on port 0 (from 32768 on Linux, from 49152 on macOS). Otherwise one of
// those could take the port before the caller's server does, and answer in its place.
const (
	firstPort = 10_000
	ports     = 22_000
	addrTries = 100
)

// FreeAddr returns a loopback address with a TCP port on which no process listens.
// Another process may take it before the caller does, so the caller should retry
// with another address if its server does not start.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	var lc net.ListenConfig
	for range addrTries {
		var random [4]byte
		_, _ = rand.Read(random[:]) // never fails
		port := firstPort + binary.BigEndian.Uint32(random[:])%ports
		l, err := lc.Listen(context.WithoutCancel(tb.Context()), "tcp", "127.0.0.1:"+strconv.FormatUint(uint64(port), 10))
		if err != nil {
			continue // it is taken
		}
		addr := l.Addr().String()
		if err := l.Close(); err != nil {
			tb.Fatalf("free address: %v", err)
		}
		return addr
	}
	tb.Fatalf("free address: none of %d ports is free", addrTries)
	return ""
}

// NeedPython returns the path of a Python that has the modules: the one of Debian,
// which has the modules of Debian's packages, or else the one in PATH. If there is
// none, it skips or fails the test like [Need].
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

// LinkNode lets scripts in folder import the npm packages of dir.
func LinkNode(tb testing.TB, dir, folder string) {
	tb.Helper()
	modules, err := filepath.Abs(filepath.Join(dir, "node_modules"))
	if err == nil {
		err = os.Symlink(modules, filepath.Join(folder, "node_modules"))
	}
	if err != nil {
		tb.Fatalf("packages of %s: %v", dir, err)
	}
}

// NeedNode returns the path of a Node.js for scripts that import the npm packages
// of dir, a folder with a package.json. The Makefile installs the packages. If
// Node.js or the packages are missing, it skips or fails the test like [Need].
func NeedNode(tb testing.TB, dir string) string {
	tb.Helper()
	path := Need(tb, "node")
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err != nil {
		missing(tb, modules, "npm ci --prefix "+dir)
	}
	return path
}
