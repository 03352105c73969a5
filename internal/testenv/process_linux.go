package testenv

import "syscall"

// attributes makes the kernel send the server a signal if the test binary dies
// without running its cleanups, as at a panic, a timeout or kill -9.
func attributes(end syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: end}
}
