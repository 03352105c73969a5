//go:build unix

package relay

import (
	"unsafe"
	"io"
	"net"
	"syscall"
)

// rawConn returns the socket of a connection that is nothing else, else nil.
func rawConn(conn net.Conn) syscall.RawConn {
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

// tryRead reads without waiting. It is false where nothing is there.
func tryRead(fd uintptr, b []byte) (n int, ok bool, err error) {
	for {
		n, err = recv(fd, b)
		switch err { //nolint:errorlint // A number, as the system gives it.
		case nil:
			if n == 0 {
				return 0, true, io.EOF
			}
			return n, true, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, false, nil
		default:
			return 0, true, err
		}
	}
}

// tryWrite writes what can be written without waiting, and is false where
// nothing can.
func tryWrite(fd uintptr, b []byte) (n int, ok bool, err error) {
	for {
		n, err = send(fd, b)
		switch err { //nolint:errorlint // A number, as the system gives it.
		case nil:
			return n, true, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, false, nil
		default:
			return 0, true, err
		}
	}
}

func recv(fd uintptr, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		if errno == syscall.EAGAIN { return -1, eagain }
		return -1, errno
	}
	return int(n), nil
}
var eagain error = syscall.EAGAIN
func send(fd uintptr, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		if errno == syscall.EAGAIN { return -1, eagain }
		return -1, errno
	}
	return int(n), nil
}
