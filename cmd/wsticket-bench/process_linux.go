package main

import "syscall"

// childAttributes keep Ctrl-C on the terminal from ending the server before it
// is asked what it has used, and end it when this process is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
