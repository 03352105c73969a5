//go:build !unix

package relay

import "syscall"

// hasTryIO says that [tryRead] and [tryWrite] are not supported: they exist for
// Unix only. Elsewhere sockets are read and written like any other connection.
const hasTryIO = false

// tryRead is never called.
func tryRead(uintptr, []byte) (n int, ok bool, err error) { return 0, true, syscall.EINVAL }

// tryWrite is never called.
func tryWrite(uintptr, []byte) (n int, ok bool, err error) { return 0, true, syscall.EINVAL }
