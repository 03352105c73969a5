// Package keyfile reads files that hold keys.
package keyfile

import (
	"errors"
	"io"
	"os"
)

// MaxSize bounds a file in bytes.
const MaxSize = 1 << 20

var (
	errTooLarge   = errors.New("larger than 1 MiB")
	errUnreadable = errors.New("cannot be read")
)

// Read returns the content of a file of at most [MaxSize] bytes. Its error
// wraps [os.ErrNotExist] or [os.ErrPermission] if it is one of these, and
// repeats neither the path, which the caller knows, nor the content.
func Read(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // G304: the path is from the operator's configuration
	if err != nil {
		return nil, brief(err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, brief(err)
	}
	if len(data) > MaxSize {
		return nil, errTooLarge
	}
	return data, nil
}

func brief(err error) error {
	for _, known := range []error{os.ErrNotExist, os.ErrPermission} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errUnreadable
}
