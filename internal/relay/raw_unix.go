//go:build unix && !(linux && (amd64 || arm64))

package relay

import (
	"errors"
	"io"
	"syscall"
)

// hasTryIO says that [tryRead] and [tryWrite] are supported.
const hasTryIO = true

// tryRead reads from a socket without waiting. It returns io.EOF at the end of
// the stream, and ok is false if there is nothing to read yet.
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

// tryWrite writes to a socket without waiting. n may be less than len(b), and
// ok is false if nothing can be written yet.
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
