package relay

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// secureWait is the size of the buffer in which TLS waits for the start of
	// a record. The rest of it waits in crypto/tls.
	secureWait = 64
	// otherWait is the same for a connection of which nothing is known.
	otherWait = 4 << 10
)

// leg is the connection to one of the two peers.
type leg struct {
	conn net.Conn
	// raw is the socket, where it is a bare one. Else wait is where a read
	// waits.
	raw  syscall.RawConn
	wait []byte
	// watched is that hungUp will tell when the peer has sent the last that it
	// will. See hangups, which finds it by fd.
	watched bool
	fd      int32
	hungUp  atomic.Bool
	// said and told are that a Close frame has come from the peer and gone to
	// it. Then nothing more is sent, which shut tells. Guarded by Tunnel.mu.
	said, told, shut bool
}

func (l *leg) init(conn net.Conn) {
	watchPeer(conn)
	l.conn, l.raw = conn, rawConn(conn)
	if isSecure(conn) {
		l.wait = make([]byte, secureWait)
	} else if l.raw == nil {
		l.wait = make([]byte, otherWait)
	}
}

func isSecure(conn net.Conn) bool {
	_, ok := conn.(*tls.Conn)
	return ok
}

// wake ends a read that waits, or the next one.
func (l *leg) wake() { _ = l.conn.SetReadDeadline(longAgo()) }

// calm takes wake back.
func (l *leg) calm() { _ = l.conn.SetReadDeadline(time.Time{}) }

// readMore reads what can be read without waiting, after n bytes have been.
func (l *leg) readMore(b []byte, n int) int {
	if n < secureWait || !isSecure(l.conn) {
		return 0
	}
	// What is left of a record does not ask the socket. An error comes again.
	l.wake()
	more, _ := l.conn.Read(b)
	l.calm()
	return more
}

// closeWrite tells the peer that nothing more comes. It is false where that
// cannot be told.
func (l *leg) closeWrite() bool {
	half, ok := l.conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// abort ends what waits for the peer, now and later. To close a bare socket
// would have to wait for the pump that reads it.
func (l *leg) abort() {
	if l.raw != nil {
		_ = l.conn.SetDeadline(longAgo())
	} else {
		cut(l.conn)
	}
}

// cut closes a connection at once. With TLS, Close would wait for somebody to
// read the farewell.
func cut(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}
