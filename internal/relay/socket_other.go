//go:build !linux

package relay

import (
	"net"
	"time"
)

// setUserTimeout does nothing, because the option exists on Linux only.
// Elsewhere, write deadlines and keepalive detect a peer that is gone.
func setUserTimeout(*net.TCPConn, time.Duration) {}
