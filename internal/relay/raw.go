package relay

import (
	"net"
	"syscall"
)

// rawConn returns the socket of a connection that is nothing else, so that it
// can be asked without waiting; else nil.
func rawConn(conn net.Conn) syscall.RawConn {
	if !canTry {
		return nil
	}
	var raw syscall.RawConn
	// An error says that conn is closed, as its methods will.
	switch conn := conn.(type) {
	case *net.TCPConn:
		raw, _ = conn.SyscallConn()
	case *net.UnixConn:
		raw, _ = conn.SyscallConn()
	}
	return raw
}
