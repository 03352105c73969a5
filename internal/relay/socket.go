package relay

import (
	"crypto/tls"
	"net"
	"time"

	"wsticket/internal/bounded"
)

const (
	// peerTimeout is how long a peer may acknowledge nothing, neither data nor
	// keepalive probes, before the system drops the connection.
	peerTimeout = 60 * time.Second
	// The first keepalive probe is sent after probeIdle without traffic, and
	// up to probes of them with probeInterval between. This adds up to
	// peerTimeout.
	probeIdle     = 30 * time.Second
	probeInterval = 10 * time.Second
	probes        = 3
)

// enableKeepalive makes the system probe a silent TCP peer and drop the
// connection if the peer has gone without closing it. If the options cannot be
// set, the system's own timeouts apply, which are hours.
func enableKeepalive(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := bounded.Socket(conn).(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: probeIdle, Interval: probeInterval, Count: probes})
		setUserTimeout(tcp, peerTimeout)
	}
}
