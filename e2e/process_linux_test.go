//go:build e2e

package e2e_test

import "syscall"

// attributes makes a process end with the test binary, even if that is killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
