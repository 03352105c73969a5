package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wsticket/internal/testenv"
)

// notifications is a systemd that waits for a service.
type notifications struct {
	conn *net.UnixConn
	path string
}

func systemd(t *testing.T) notifications {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return notifications{conn, path}
}

// next returns the next message that is not skipped.
func (n notifications) next(t *testing.T, skip string) string {
	t.Helper()
	buffer := make([]byte, 4096)
	for {
		if err := n.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		size, err := n.conn.Read(buffer)
		if err != nil {
			t.Fatalf("systemd hears nothing: %v", err)
		}
		if text := string(buffer[:size]); text != skip {
			return text
		}
	}
}

// rest returns what was sent and not read.
func (n notifications) rest(t *testing.T) string {
	t.Helper()
	buffer, all := make([]byte, 4096), ""
	for {
		if err := n.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		size, err := n.conn.Read(buffer)
		if err != nil {
			return all
		}
		all += string(buffer[:size]) + "\n"
	}
}

// systemd hears that the service is ready when it answers, that it still answers, and
// that it stops.
func TestSystemdHearsHowTheServiceIs(t *testing.T) {
	n := systemd(t)
	cmd := command(context.Background(), t, "serve", "--config", newProvider(t).config(t, "memory:"), "--internal", "127.0.0.1:0")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+n.path, "WATCHDOG_USEC=1000000")
	p := launchCommand(t, cmd)
	p.await(t)
	if got := n.next(t, ""); got != "STATUS=starting" {
		t.Errorf("first systemd heard %q, want STATUS=starting", got)
	}
	ready := n.next(t, "")
	if !strings.HasPrefix(ready, "READY=1\nSTATUS=") || !strings.Contains(ready, p.public) || !strings.Contains(ready, p.internal) {
		t.Errorf("then systemd heard %q, want READY=1 and a status with %s and %s", ready, p.public, p.internal)
	}
	if got := send(t, http.MethodGet, "http://"+p.internal+"/livez", "", ""); got.status != http.StatusOK {
		t.Errorf("/livez after READY=1 = %d, want 200", got.status)
	}
	for range 3 {
		if got := n.next(t, ""); got != "WATCHDOG=1" {
			t.Errorf("then systemd heard %q, want WATCHDOG=1", got)
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := n.next(t, "WATCHDOG=1"); !strings.HasPrefix(got, "STOPPING=1\nSTATUS=") {
		t.Errorf("after SIGTERM systemd heard %q, want STOPPING=1 and a status", got)
	}
	<-p.exited
	if rest := n.rest(t); p.err != nil || strings.Contains(rest, "READY") {
		t.Errorf("the end: %v, and systemd heard %q, want no error and nothing but WATCHDOG=1", p.err, rest)
	}
}

// systemd hears when the settings are read again, and when that is over, also if they
// have a fault.
func TestSystemdHearsOfReloads(t *testing.T) {
	n := systemd(t)
	file := newProvider(t).config(t, "memory:")
	cmd := command(context.Background(), t, "serve", "--config", file)
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+n.path)
	p := launchCommand(t, cmd)
	ready := n.next(t, "STATUS=starting")
	for rule, more := range map[string]string{"good settings": "", "a fault": "no_such_key: 1\n"} {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, append(text, more...), 0o600)
		}
		if err == nil {
			err = p.cmd.Process.Signal(syscall.SIGHUP)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := n.next(t, ""); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
			t.Errorf("%s: systemd heard %q, want RELOADING=1 and MONOTONIC_USEC", rule, got)
		}
		if got := n.next(t, ""); got != ready {
			t.Errorf("%s: then systemd heard %q, want %q again", rule, got, ready)
		}
	}
}

// Without a watchdog there are no pings, and over TLS the service asks itself, too.
func TestSystemdWithoutWatchdog(t *testing.T) {
	n := systemd(t)
	certs := testenv.TLS(t)
	cmd := command(context.Background(), t, "serve", "--config", newProvider(t).config(t, "memory:"), "--internal", ":0",
		"--set", "internal.tls.cert_file="+certs.ServerCertFile, "--set", "internal.tls.key_file="+certs.ServerKeyFile)
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+n.path, "WATCHDOG_USEC=20000", "WATCHDOG_PID=1")
	p := launchCommand(t, cmd)
	if got := n.next(t, "STATUS=starting"); !strings.HasPrefix(got, "READY=1\n") {
		t.Errorf("systemd heard %q, want READY=1", got)
	}
	if err := p.stop(t); err != nil {
		t.Errorf("the end: %v", err)
	}
	if rest := n.rest(t); strings.Contains(rest, "WATCHDOG") || !strings.HasPrefix(rest, "STOPPING=1\n") {
		t.Errorf("then systemd heard %q, want STOPPING=1 alone", rest)
	}
}

// What is no socket of systemd's is said at once, not when systemd loses patience.
func TestSystemdFaults(t *testing.T) {
	file := newProvider(t).config(t, "memory:")
	for rule, env := range map[string]string{
		"no socket is there":    "NOTIFY_SOCKET=" + filepath.Join(t.TempDir(), "none"),
		"a time is no number":   "WATCHDOG_USEC=30s",
		"a name is not a place": "NOTIFY_SOCKET=notify",
	} {
		_, _, err := runIn(t, []string{env}, "serve", "--config", file)
		name, _, _ := strings.Cut(env, "=")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: serve = %v, want an error that names %s", rule, err, name)
		}
	}
}

// A service that is not there yet, or no more, is no READY=1.
func TestSystemdHearsNothingOfAServiceThatCannotStart(t *testing.T) {
	n := systemd(t)
	_, _, err := runIn(t, []string{"NOTIFY_SOCKET=" + n.path}, "serve", "--config", newProvider(t).config(t, "redis://127.0.0.1:1/0"))
	if rest := n.rest(t); err == nil || rest != "STATUS=starting\n" {
		t.Errorf("serve = %v, systemd heard %q, want an error and STATUS=starting alone", err, rest)
	}
}
