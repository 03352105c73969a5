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

// keepAlive lets the system ask a silent peer whether it is still there.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: probeIdle, Interval: probeEvery, Count: probes}
}

// watchPeer lets the system give up a peer that is gone without a word. It is
// an improvement, so that its failing is none.
func watchPeer(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive())
		setUserTimeout(tcp, peerTimeout)
	}
}
