package relay

import (
	"crypto/tls"
	"net"
	"time"
)

const (
	// peerTimeout is after how long a peer that acknowledges nothing is given
	// up, whether something was sent or only the system has asked.
	peerTimeout = 60 * time.Second
	probeIdle   = 30 * time.Second
	probeEvery  = 10 * time.Second
	probes      = 3
)

// watchPeer lets the system ask a silent peer whether it is still there, and
// give up one that is gone without a word. Where it fails, the system's own
// bounds hold, which are hours.
func watchPeer(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: probeIdle, Interval: probeEvery, Count: probes})
		setUserTimeout(tcp, peerTimeout)
	}
}
