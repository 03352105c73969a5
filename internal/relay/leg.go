package relay

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// bufferSize is that of a buffer that something is passed on with. Large
	// messages cost fewer calls of the system than with less.
	bufferSize = 64 << 10
	// secureWait is the size of the buffer in which TLS waits for a record.
	// The record itself then waits in the buffers of crypto/tls.
	secureWait = 64
	// otherWait is the same for a connection of which nothing is known.
	otherWait = 4 << 10
)

// buffers are there for pumps that have something to pass on.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }} //nolint:gochecknoglobals // A pool, as pools are.

// leg is the connection to one of the two peers.
type leg struct {
	conn net.Conn
	// raw is the socket where there is nothing on top of it. Else, wait is
	// what a read waits with.
	raw  syscall.RawConn
	wait []byte
	// said and told are that a Close frame has come from the peer and gone to
	// it; then nothing more is sent, which shut tells. Guarded by Tunnel.mu.
	said, told, shut bool
}

func newLeg(conn net.Conn) leg {
	watchPeer(conn)
	l := leg{conn: conn, raw: rawConn(conn)}
	if _, secure := conn.(*tls.Conn); secure {
		l.wait = make([]byte, secureWait)
	} else if l.raw == nil {
		l.wait = make([]byte, otherWait)
	}
	return l
}

// wake ends a read that waits, now or next.
func (l *leg) wake() { _ = l.conn.SetReadDeadline(longAgo()) }

// calm takes wake back.
func (l *leg) calm() { _ = l.conn.SetReadDeadline(time.Time{}) }

// readWaiting waits for bytes in a buffer of its own and puts them into b,
// which it takes from the pool only then.
func (l *leg) readWaiting(b func() []byte) (int, error) {
	n, err := l.conn.Read(l.wait)
	if n == 0 {
		return 0, err
	}
	into := b()
	copy(into, l.wait[:n])
	if _, secure := l.conn.(*tls.Conn); secure && n == len(l.wait) {
		// What of the record is left can be read without waiting. An error
		// comes again.
		l.wake()
		more, _ := l.conn.Read(into[n:])
		l.calm()
		n += more
	}
	return n, err
}

// closeWrite tells the peer that nothing more comes. It is false where that
// cannot be told.
func (l *leg) closeWrite() bool {
	half, ok := l.conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// cut closes a connection at once. With TLS, Close would wait for somebody to
// read the farewell.
func cut(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
