//go:build e2e && !linux

package e2e_test

import "syscall"

// attributes: there is nothing like Linux's death signal here.
func attributes() *syscall.SysProcAttr { return nil }
