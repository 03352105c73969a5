//go:build !linux

package testenv

import "syscall"

// attributes are none: only Linux can tie a process to its parent. A test
// binary that is killed elsewhere leaves its servers behind.
func attributes(syscall.Signal) *syscall.SysProcAttr { return nil }
