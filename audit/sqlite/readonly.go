package sqlite

import (
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
)

// OpenReadOnly returns the database in a file that is there already, for somebody who only
// reads it, also while other processes write to it. What would write fails. The folder has
// to be writable, because readers and writers share files beside the database.
func OpenReadOnly(path string) (*Store, error) {
	f, err := os.Open(path) //nolint:gosec // The operator names it.
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("sqlite: %w", &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid})
	}
	db := sql.OpenDB(connector{dsn: "file:" + (&url.URL{Path: path}).EscapedPath() + pragmas("query_only(1)") + "&mode=ro"})
	limit(db, readers)
	return &Store{write: db, read: db}, nil
}
