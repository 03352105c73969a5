//go:build !linux

package relay

import (
	"net"
	"time"
)

// setUserTimeout does nothing: the option is Linux's. Write deadlines and
// keepalive bound the waiting elsewhere.
func setUserTimeout(*net.TCPConn, time.Duration) {}
