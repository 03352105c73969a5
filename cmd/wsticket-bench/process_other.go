//go:build !linux

package main

import "syscall"

// childAttributes are those of any process. Without a parent-death signal the
// server has to stay in our process group, where Ctrl-C ends it too; what it has
// used is unknown then.
func childAttributes() *syscall.SysProcAttr { return nil }
