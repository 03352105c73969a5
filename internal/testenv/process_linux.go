package testenv

import "syscall"

// attributes make the kernel send the server a signal when the test binary
// dies without having run its cleanups: a panic, a time-out, kill -9.
func attributes(end syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: end}
}
