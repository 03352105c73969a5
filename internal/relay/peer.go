package relay

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// tlsWaitSize is the size in bytes of the buffer in which a read waits on a
	// TLS connection. It takes the start of a record; crypto/tls keeps the
	// rest.
	tlsWaitSize = 64
	// otherWaitSize is the same for a connection that is neither TLS nor a
	// plain socket.
	otherWaitSize = 4 << 10
)

// peerConn is the connection to one of the two peers of a tunnel: the client
// or the application.
type peerConn struct {
	conn net.Conn
	// raw is the socket, if conn is a plain one. Otherwise raw is nil, and
	// waitBuffer is the buffer in which a read waits for data.
	raw        syscall.RawConn
	waitBuffer []byte
	// registered records that hangups watches the socket, whose descriptor is
	// fd. hungUp is then set when the peer has finished sending.
	registered bool
	fd         int32
	hungUp     atomic.Bool
	// closeReceived and closeSent record that a Close frame has come from the
	// peer and has been sent to it. If both, the write side is shut down, which
	// writeClosed records. All three are guarded by Tunnel.mu.
	closeReceived, closeSent, writeClosed bool
}

func (c *peerConn) init(conn net.Conn) {
	enableKeepalive(conn)
	c.conn, c.raw = conn, rawConn(conn)
	if isTLS(conn) {
		c.waitBuffer = make([]byte, tlsWaitSize)
	} else if c.raw == nil {
		c.waitBuffer = make([]byte, otherWaitSize)
	}
}

func isTLS(conn net.Conn) bool {
	_, ok := conn.(*tls.Conn)
	return ok
}

// interruptRead makes the pending read fail with a timeout, or else the next
// one.
func (c *peerConn) interruptRead() { _ = c.conn.SetReadDeadline(aLongTimeAgo()) }

// allowRead undoes interruptRead.
func (c *peerConn) allowRead() { _ = c.conn.SetReadDeadline(time.Time{}) }

// readMore reads what crypto/tls has already decrypted, after a read of n
// bytes, and returns its size. It does not wait.
func (c *peerConn) readMore(b []byte, n int) int {
	if n < tlsWaitSize || !isTLS(c.conn) {
		return 0
	}
	// The deadline fails reads from the socket, but not those of the rest of a
	// record. The next regular read reports an error again.
	c.interruptRead()
	more, _ := c.conn.Read(b)
	c.allowRead()
	return more
}

// closeWrite shuts down the write side, which tells the peer that no more data
// follows. It reports whether that succeeded.
func (c *peerConn) closeWrite() bool {
	half, ok := c.conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// abort makes all pending and later reads and writes fail. It does not close a
// plain socket, because that would wait for the pump that is reading it.
func (c *peerConn) abort() {
	if c.raw != nil {
		_ = c.conn.SetDeadline(aLongTimeAgo())
	} else {
		closeNow(c.conn)
	}
}

// closeNow closes a connection at once. For TLS it skips the close_notify
// alert, with which tls.Conn.Close may wait for a peer that does not read.
func closeNow(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}
