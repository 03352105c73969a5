//go:build e2e && !linux

package e2e_test

import "syscall"

// attributes returns nil: only Linux can tie a process to its parent.
func attributes() *syscall.SysProcAttr { return nil }
