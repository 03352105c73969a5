package relay

import (
	"net"
	"syscall"

	"wsticket/internal/bounded"
)

// rawConn returns the socket of a plain TCP or Unix connection, for [tryRead] and
// [tryWrite]. It returns nil for any other connection, such as TLS, and where
// these are not supported.
func rawConn(conn net.Conn) syscall.RawConn {
	if !hasTryIO {
		return nil
	}
	var raw syscall.RawConn
	// SyscallConn fails only if conn is closed, which its methods report later.
	switch conn := bounded.Socket(conn).(type) {
	case *net.TCPConn:
		raw, _ = conn.SyscallConn()
	case *net.UnixConn:
		raw, _ = conn.SyscallConn()
	}
	return raw
}
