package main

import "syscall"

// childAttributes keep Ctrl-C on the terminal from ending the server before it
// was asked what it has used, and let it end when this process is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
