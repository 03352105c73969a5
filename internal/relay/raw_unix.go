//go:build unix && !(linux && (amd64 || arm64))

package relay

import (
	"errors"
	"io"
	"syscall"
)

const canTry = true

// tryRead reads without waiting. It is false where nothing is there.
func tryRead(fd uintptr, b []byte) (n int, ok bool, err error) {
	for {
		n, err = syscall.Read(int(fd), b)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, false, nil
		case err == nil && n == 0:
			return 0, true, io.EOF
		default:
			return max(n, 0), true, err
		}
	}
}

// tryWrite writes what can be written without waiting, and is false where
// nothing can.
func tryWrite(fd uintptr, b []byte) (n int, ok bool, err error) {
	for {
		n, err = syscall.Write(int(fd), b)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, false, nil
		default:
			return max(n, 0), true, err
		}
	}
}
