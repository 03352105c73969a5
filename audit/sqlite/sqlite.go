// Package sqlite is an [audit.Store] in a file of this machine, or in memory. It needs no
// C compiler.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite"

	"wsticket/audit"
	"wsticket/migrations"
)

const (
	// readers is how many searches read a file at once, while one writes.
	readers = 4
	// busyTimeout is how long a process waits for another one that writes to the file. A
	// context ends the wait before.
	busyTimeout = 5 * time.Second
	// mode is that of the file: it says who used what, and is nobody else's business.
	mode = 0o600
	// maxMemory bounds a database in memory, in pages of 4 KiB: to 256 MiB. It is full then.
	maxMemory = 64 << 10
)

var _ audit.Store = (*Store)(nil)

// Store is a database in SQLite. Its methods are safe for concurrent use, and several
// processes of one machine may use one file.
type Store struct {
	path        string  // "" for a database in memory
	write, read *sql.DB // the same for a database in memory

	preparing sync.Mutex
	inserts   [len(rowsAtOnce)]*sql.Stmt // nil until they are used; they end with write
}

// Open returns the database in a file, which is made with mode 0600 where it is missing as
// soon as it is used. Without a path it is a new one in memory, which is migrated. A
// transaction is on the disk when its call returns (synchronous=FULL), as what it confirms
// is promised to somebody.
func Open(ctx context.Context, path string) (*Store, error) {
	if path == "" {
		db := sql.OpenDB(connector{dsn: ":memory:" + pragmas(fmt.Sprintf("max_page_count(%d)", maxMemory))})
		limit(db, 1) // the connection is the database
		s := &Store{write: db, read: db}
		if err := s.Migrate(ctx, slog.New(slog.DiscardHandler)); err != nil {
			_ = s.Close() // the first error is the reason
			return nil, err
		}
		return s, nil
	}
	file := "file:" + (&url.URL{Path: path}).EscapedPath()
	s := &Store{
		path:  path,
		write: sql.OpenDB(connector{path: path, dsn: file + pragmas("journal_mode(WAL)", "synchronous(FULL)") + "&_txlock=immediate"}),
		read:  sql.OpenDB(connector{path: path, dsn: file + pragmas("query_only(1)")}),
	}
	limit(s.write, 1)
	limit(s.read, readers)
	return s, nil
}

// limit bounds the connections of a pool, and keeps them.
func limit(db *sql.DB, n int) {
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
}

// pragmas returns settings of each connection.
func pragmas(more ...string) string {
	q := url.Values{"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}, more...)}
	return "?" + q.Encode()
}

// connector opens connections. SQLite makes a file with the mode that the umask leaves;
// those of the log beside it get that of the file.
type connector struct {
	path, dsn string
}

// Connect implements [driver.Connector].
func (c connector) Connect(context.Context) (driver.Conn, error) {
	if c.path != "" {
		f, err := os.OpenFile(c.path, os.O_CREATE|os.O_RDWR, mode)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return new(sqlite3.Driver).Open(c.dsn)
}

// Driver implements [driver.Connector].
func (connector) Driver() driver.Driver { return new(sqlite3.Driver) }

// Migrate implements [audit.Store].
func (s *Store) Migrate(ctx context.Context, log *slog.Logger) error {
	return failed("migrate", migrations.Up(ctx, s.write, migrations.SQLite, log))
}

// CheckSchema implements [audit.Store].
func (s *Store) CheckSchema(ctx context.Context) error {
	state, err := s.Schema(ctx)
	if err == nil {
		err = failed("check the schema", state.Err())
	}
	return err
}

// Schema implements [audit.Store]. It does not make a file that is missing, in whose folder
// there may be none.
func (s *Store) Schema(ctx context.Context) (migrations.State, error) {
	db := s.read
	if _, err := os.Stat(s.path); s.path != "" && errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(s.path)); err != nil {
			return migrations.State{}, failed("read the schema", err)
		}
		db = sql.OpenDB(connector{dsn: ":memory:"})
		defer db.Close() //nolint:errcheck // nothing is in it
	}
	state, err := migrations.Status(ctx, db, migrations.SQLite)
	return state, failed("read the schema", err)
}

// Ping implements [audit.Store].
func (s *Store) Ping(ctx context.Context) error {
	return failed("ping", s.read.PingContext(ctx))
}

// Close implements [audit.Store].
func (s *Store) Close() error {
	err := s.read.Close()
	if s.write != s.read {
		if fault := s.write.Close(); err == nil {
			err = fault
		}
	}
	return err
}

// inTx runs a transaction, which writes as a whole or not at all.
func (s *Store) inTx(ctx context.Context, op string, do func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return failed(op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if err := do(tx); err != nil {
		return failed(op, err)
	}
	return failed(op, tx.Commit())
}

// failed names the operation that has failed.
func failed(op string, err error) error { return audit.Failed("sqlite", op, err) }

func millis(t time.Time) int64 { return t.UnixMilli() }

func stamp(t time.Time) any { return millis(t) }

func fromMillis(n int64) time.Time { return time.UnixMilli(n).UTC() }
