package testenv

import "syscall"

// attributes make the kernel kill the server when the test binary dies
// without having run its cleanups: a panic, a time-out, kill -9.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
