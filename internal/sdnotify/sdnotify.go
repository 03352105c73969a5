// Package sdnotify tells systemd how a service is, as sd_notify(3) describes: one
// datagram for each message, to a socket that systemd names.
package sdnotify

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// sendTimeout bounds a message. systemd reads its socket at once, unless it is stopped
// itself.
const sendTimeout = time.Second

// Socket sends messages to systemd. A nil Socket sends nothing, which is how a program
// runs without systemd. It is safe for concurrent use.
type Socket struct{ conn *net.UnixConn }

// Open opens the socket that NOTIFY_SOCKET names: a path, or an abstract name that
// begins with @. For an empty name it returns nil. The caller closes it.
func Open(name string) (*Socket, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // A nil Socket is a good one.
	}
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") {
		return nil, errors.New("NOTIFY_SOCKET: must be a path, or begin with @ (systemd sets it)")
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return &Socket{conn}, nil
}

// Close closes the socket.
func (s *Socket) Close() {
	if s != nil {
		_ = s.conn.Close()
	}
}

// Ready says that the service serves, for the first time or again after Reloading, and
// what `systemctl status` shows.
func (s *Socket) Ready(status string) error { return s.send("READY=1", "STATUS="+status) }

// Status says what `systemctl status` shows.
func (s *Socket) Status(status string) error { return s.send("STATUS=" + status) }

// Reloading says that the service reads its settings again, until Ready.
func (s *Socket) Reloading() error {
	return s.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(monotonic().Microseconds(), 10))
}

// Stopping says that the service ends.
func (s *Socket) Stopping(status string) error { return s.send("STOPPING=1", "STATUS="+status) }

// Alive says that the service answers. Without it, systemd ends the service after
// WATCHDOG_USEC.
func (s *Socket) Alive() error { return s.send("WATCHDOG=1") }

// send sends assignments, one a line.
func (s *Socket) send(assignments ...string) error {
	if s == nil {
		return nil
	}
	for n, a := range assignments {
		assignments[n] = strings.ReplaceAll(a, "\n", " ")
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	if _, err := s.conn.Write([]byte(strings.Join(assignments, "\n"))); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// Watchdog returns how often Alive is due: half of what WATCHDOG_USEC allows, if
// WATCHDOG_PID is empty or names this process. 0: never.
func Watchdog(usec, watched string, pid int) (time.Duration, error) {
	if usec == "" || watched != "" && watched != strconv.Itoa(pid) {
		return 0, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(maxWatchdog/time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC: must be a number of microseconds (got %q; systemd sets it)", usec)
	}
	return time.Duration(n) * time.Microsecond / 2, nil
}

// maxWatchdog keeps the arithmetic inside its type.
const maxWatchdog = 365 * 24 * time.Hour
