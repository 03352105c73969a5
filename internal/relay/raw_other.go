//go:build !unix

package relay

import (
	"net"
	"syscall"
)

// rawConn is nil: how to read and write without waiting is known for Unix.
func rawConn(net.Conn) syscall.RawConn { return nil }

func tryRead(uintptr, []byte) (n int, ok bool, err error) { return 0, true, syscall.EINVAL }

func tryWrite(uintptr, []byte) (n int, ok bool, err error) { return 0, true, syscall.EINVAL }
