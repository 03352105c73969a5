package relay

import "net"

// WatchPeer is enableKeepalive.
func WatchPeer(conn net.Conn) { enableKeepalive(conn) }

// IsSocket reports whether a connection is read and written as a socket.
func IsSocket(conn net.Conn) bool { return rawConn(conn) != nil }
