//go:build !linux

package testenv

import "syscall"

// attributes returns none: only Linux can tie a process to its parent. On other
// systems a test binary that is killed leaves its servers behind.
func attributes(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
