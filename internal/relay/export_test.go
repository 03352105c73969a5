package relay

import "net"

// WatchPeer is enableKeepalive.
func WatchPeer(conn net.Conn) { enableKeepalive(conn) }
