// Package keyfile reads files that hold keys, and says in one form what is
// wrong with a file.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"wsticket/internal/maskurl"
)

// MaxSize bounds a file in bytes.
const MaxSize = 1 << 20

var (
	errTooLarge   = errors.New("is larger than 1 MiB")
	errEmpty      = errors.New("the file is empty")
	errFolder     = errors.New("is a folder, must be a file")
	errUnreadable = errors.New("cannot be read")
	errMissing    = fmt.Errorf("no such file%w", mute{os.ErrNotExist})
	errForbidden  = fmt.Errorf("this user may not read it%w", mute{os.ErrPermission})
)

// mute is an error for errors.Is that adds nothing to a text.
type mute struct{ error }

func (mute) Error() string   { return "" }
func (m mute) Unwrap() error { return m.error }

// Fault says what is wrong with a file: the fault, and the whole name of the
// file, so that somebody who gave a relative one sees which folder was
// searched. It holds nothing of the content.
type Fault struct {
	// Path is the absolute name. Of what is no name of a file but a URL, it has no
	// password.
	Path string
	// Err is what is wrong with it.
	Err error
}

// Error returns what is wrong, and the name behind a colon.
func (f *Fault) Error() string {
	text := f.Err.Error() + ": " + f.Path
	if folder := filepath.Dir(f.Path); errors.Is(f.Err, os.ErrNotExist) && missing(folder) {
		text += " (there is no folder " + folder + ")"
	}
	return text
}

// Unwrap returns what is wrong.
func (f *Fault) Unwrap() error { return f.Err }

// In returns err as a [Fault] of the file at path. A Fault stays as it is, and
// nil is nil.
func In(path string, err error) error {
	if _, known := errors.AsType[*Fault](err); known || err == nil {
		return err
	}
	whole, none := filepath.Abs(path)
	switch hidden := maskurl.Hide(path); {
	case hidden != path: // somebody took the key for that of a URL
		path = hidden
	case none == nil:
		path = whole
	}
	return &Fault{path, err}
}

// Read returns the content of a file of 1 byte to [MaxSize]. Its error is a
// [Fault], which wraps [os.ErrNotExist] or [os.ErrPermission] if it is one of
// these.
func Read(path string) ([]byte, error) {
	data, err := read(path)
	return data, In(path, err)
}

func read(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // G304: the path is from the operator's configuration
	if err != nil {
		return nil, brief(err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, errFolder
	}
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	switch {
	case err != nil:
		return nil, brief(err)
	case len(data) == 0:
		return nil, errEmpty
	case len(data) > MaxSize:
		return nil, errTooLarge
	}
	return data, nil
}

func brief(err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errMissing
	case errors.Is(err, os.ErrPermission):
		return errForbidden
	default:
		return errUnreadable
	}
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}
