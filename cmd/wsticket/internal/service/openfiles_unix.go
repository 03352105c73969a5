//go:build unix

package service

import "syscall"

// openFiles returns how many files this process may have open at once; ok is
// false if that is not known. Go has raised the soft limit to the hard one.
func openFiles() (n int, ok bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	// The type of Cur differs between systems.
	return int(min(uint64(limit.Cur), maxFiles)), true
}
