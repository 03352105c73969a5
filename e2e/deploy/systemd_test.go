//go:build e2e

package deploy_test

import (
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"wsticket/internal/testenv"
)

const unit = "deploy/systemd/wsticket.service"

func needSystemd(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has systemd")
	}
	return testenv.Need(t, "systemd-analyze")
}

// systemd knows every line of the unit, and finds little that the service may do.
func TestUnit(t *testing.T) {
	t.Parallel()
	analyze := needSystemd(t)
	// The threshold is in tenths: 2.0.
	said := run(t, analyze, "security", "--offline=true", "--threshold=20", filepath.Join(root, unit))
	lines := strings.Split(strings.TrimSpace(said), "\n")
	t.Log(strings.TrimPrefix(lines[len(lines)-1], "→ "))

	dir := t.TempDir()
	// It is not installed here.
	text := replaced(t, read(t, unit), "/usr/bin/wsticket", wsticket(t))
	if said := run(t, analyze, "verify", "--man=no", write(t, dir, "wsticket.service", text)); said != "" {
		t.Errorf("systemd-analyze verify says\n%s", said)
	}
}

// The user of the unit is the one that systemd-sysusers makes.
func TestUserOfTheUnit(t *testing.T) {
	t.Parallel()
	user := submatch(t, unit, `(?m)^User=(\S+)$`)
	if made := submatch(t, "deploy/systemd/wsticket.sysusers.conf", `(?m)^u (\S+) -`); made != user {
		t.Errorf("the unit runs as %s, and sysusers makes %s", user, made)
	}
}

// systemd waits for longer than the service takes to stop with its default settings,
// and for longer than the store has to come up.
func TestTimesOfTheUnit(t *testing.T) {
	t.Parallel()
	window, err := time.ParseDuration(submatch(t, "wsticket.example.yaml", `(?m)^ *drain_window: (\d\S*)`))
	if err != nil {
		t.Fatal(err)
	}
	const requests = 10 * time.Second // what requests in progress have beyond the window
	if stop := seconds(t, `(?m)^TimeoutStopSec=(\d+)$`); stop < window+requests {
		t.Errorf("TimeoutStopSec = %s, want at least %s", stop, window+requests)
	}
	wait, err := time.ParseDuration(submatch(t, unit, `serve --wait (\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	if start := seconds(t, `(?m)^TimeoutStartSec=(\d+)$`); start <= wait {
		t.Errorf("TimeoutStartSec = %s, want more than --wait %s", start, wait)
	}
}

func seconds(t *testing.T, pattern string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(submatch(t, unit, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}

func submatch(t *testing.T, file, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
	if match == nil {
		t.Fatalf("%s: nothing matches %s", file, pattern)
	}
	return match[1]
}
