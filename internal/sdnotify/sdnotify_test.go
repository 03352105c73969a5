package sdnotify_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"wsticket/internal/sdnotify"
	"wsticket/internal/test"
)

// systemd listens as systemd does, at a name that the test chooses.
func systemd(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// heard returns the next datagram.
func heard(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(test.Patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

func open(t *testing.T, name string) *sdnotify.Socket {
	t.Helper()
	socket, err := sdnotify.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(socket.Close)
	return socket
}

// Each state is one datagram of the form that sd_notify(3) describes.
func TestStates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	conn, socket := systemd(t, path), open(t, path)
	for want, send := range map[string]func() error{
		"READY=1\nSTATUS=serving":               func() error { return socket.Ready("serving") },
		"STATUS=starting":                       func() error { return socket.Status("starting") },
		"STOPPING=1\nSTATUS=closing":            func() error { return socket.Stopping("closing") },
		"WATCHDOG=1":                            socket.Alive,
		"STATUS=a status cannot say READY=1 so": func() error { return socket.Status("a status cannot say\nREADY=1 so") },
	} {
		if err := send(); err != nil {
			t.Errorf("%q: %v", want, err)
		} else if got := heard(t, conn); got != want {
			t.Errorf("systemd heard %q, want %q", got, want)
		}
	}
}

// systemd compares the time of a reload with its own clock, so it is that clock.
func TestReloading(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no systemd here")
	}
	path := filepath.Join(t.TempDir(), "notify")
	conn, socket := systemd(t, path), open(t, path)
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Skip("no /proc here")
	}
	booted, err := strconv.ParseFloat(strings.Fields(string(uptime))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for range 2 {
		if err := socket.Reloading(); err != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutPrefix(heard(t, conn), "RELOADING=1\nMONOTONIC_USEC=")
		usec, err := strconv.ParseInt(text, 10, 64)
		if !ok || err != nil || usec <= last {
			t.Fatalf("systemd heard %q after %d, want RELOADING=1 and a later MONOTONIC_USEC", text, last)
		}
		last = usec
	}
	// A machine that has slept has a longer uptime than its monotonic clock.
	if most := int64((booted + test.Patience.Seconds()) * 1e6); last > most {
		t.Errorf("MONOTONIC_USEC = %d, want at most the uptime of %.0f s", last, booted)
	}
}

// Containers and user sessions have abstract sockets.
func TestAbstractSocket(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has abstract sockets")
	}
	name := "@wsticket-" + filepath.Base(t.TempDir()) + "-" + strconv.Itoa(os.Getpid())
	conn := systemd(t, name)
	if err := open(t, name).Alive(); err != nil {
		t.Fatal(err)
	}
	if got := heard(t, conn); got != "WATCHDOG=1" {
		t.Errorf("systemd heard %q, want WATCHDOG=1", got)
	}
}

// Without systemd nothing is sent, and nothing fails.
func TestNoSystemd(t *testing.T) {
	t.Parallel()
	socket := open(t, "")
	for _, send := range []func() error{socket.Alive, socket.Reloading, func() error { return socket.Ready("") }} {
		if err := send(); err != nil {
			t.Error(err)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for rule, name := range map[string]string{
		"a path has to be absolute": "notify", "there has to be a socket": filepath.Join(t.TempDir(), "none"),
	} {
		if _, err := sdnotify.Open(name); err == nil || !strings.Contains(err.Error(), "NOTIFY_SOCKET") {
			t.Errorf("%s: Open = %v, want an error that names NOTIFY_SOCKET", rule, err)
		}
	}
	path := filepath.Join(t.TempDir(), "notify")
	conn, socket := systemd(t, path), open(t, path)
	_ = conn.Close()
	if err := socket.Alive(); err == nil {
		t.Error("a message to nobody is sent, want an error")
	}
}

func TestWatchdog(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct {
		usec, watched string
		want          time.Duration
		ok            bool
	}{
		"twice in what systemd waits":      {"30000000", "", 15 * time.Second, true},
		"this process is watched":          {"30000000", "7", 15 * time.Second, true},
		"another process is watched":       {"30000000", "8", 0, true},
		"nobody watches":                   {"", "", 0, true},
		"no number":                        {"30s", "", 0, false},
		"no time at all":                   {"0", "", 0, false},
		"longer than a time can be":        {"9223372036854775807", "", 0, false},
		"longer than a number can be":      {"92233720368547758070", "", 0, false},
		"negative":                         {"-1", "", 0, false},
		"another process, with a bad time": {"x", "8", 0, true},
	} {
		if got, err := sdnotify.Watchdog(row.usec, row.watched, 7); got != row.want || (err == nil) != row.ok {
			t.Errorf("%s: Watchdog(%q, %q) = %s, %v, want %s, ok %t", rule, row.usec, row.watched, got, err, row.want, row.ok)
		}
	}
}
