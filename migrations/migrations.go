// Package migrations has the tables of the database, and brings a database to the version
// that this program needs. A migration adds; it never removes what an older program reads
// or what the database holds, so there is no way back and none is needed.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Dialect is a kind of database, and the folder of its migrations.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

var (
	// ErrNewer is the error for a database that a newer program has migrated.
	ErrNewer = errors.New("the schema is newer than this program: start the version that migrated it, or a later one")
	// ErrPending is the error for a database that was not migrated to the version of this
	// program.
	ErrPending = errors.New(`the schema is older than this program: run "wsticket migrate up", or set database.migrate: true`)
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

const (
	// table is where the migrations that were applied are noted.
	table = "wsticket_migrations"
	// lockID names the advisory lock in PostgreSQL: the CRC-32 of the table's name.
	lockID = 4_207_786_483
	// lockTries is how often the lock is tried, once a second: one process migrates and
	// the others wait for it.
	lockTries = 600
)

// State is how far a database was migrated.
type State struct {
	// Version is that of the database, 0 for an empty one, and Wanted that of this
	// program.
	Version, Wanted int64
	// Migrations are those of this program, the oldest first.
	Migrations []Migration
}

// Migration is one step.
type Migration struct {
	Version int64
	// Name is that of the file.
	Name string
	// AppliedAt is zero for one that was not applied.
	AppliedAt time.Time
}

// Err returns nil if the program can work with the database. Otherwise the error wraps
// [ErrNewer] or [ErrPending].
func (s State) Err() error {
	switch {
	case s.Version > s.Wanted:
		return fmt.Errorf("version %d of the tables, and the program knows %d: %w", s.Version, s.Wanted, ErrNewer)
	case s.Version < s.Wanted:
		return fmt.Errorf("version %d of the tables, and the program needs %d: %w", s.Version, s.Wanted, ErrPending)
	default:
		return nil
	}
}

// Up applies the migrations that a database lacks, each in a transaction. Any number of
// processes may do so at once: one does it, and the others wait. The error wraps
// [ErrNewer] where the database is newer.
func Up(ctx context.Context, db *sql.DB, d Dialect, log *slog.Logger) error {
	return up(ctx, db, d, files, log)
}

// up is Up with the migrations of a file system.
func up(ctx context.Context, db *sql.DB, d Dialect, all fs.FS, log *slog.Logger) error {
	p, err := newProvider(db, d, all)
	if err != nil {
		return err
	}
	for {
		before, err := status(ctx, db, d, p)
		if err == nil && before.Version > before.Wanted {
			err = before.Err()
		}
		if err != nil || before.Version == before.Wanted {
			return err
		}
		done, fault := p.Up(ctx)
		for _, step := range done {
			log.InfoContext(ctx, "the database was migrated", "version", step.Source.Version, "name", path.Base(step.Source.Path), "took", step.Duration)
		}
		after, err := status(ctx, db, d, p)
		if err != nil {
			return err
		}
		// SQLite has no lock for this: of several processes one commits, and the others
		// fail and find it done.
		if fault != nil && after.Version == before.Version {
			return fmt.Errorf("migrate: %w", fault)
		}
	}
}

func newProvider(db *sql.DB, d Dialect, all fs.FS) (*goose.Provider, error) {
	folder, err := fs.Sub(all, string(d))
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	options := []goose.ProviderOption{goose.WithTableName(table), goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler))}
	dialect := goose.DialectSQLite3
	if d == Postgres {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID), lock.WithLockTimeout(1, lockTries))
		if err != nil {
			return nil, fmt.Errorf("migrations: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, db, folder, options...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}

// Check returns nil if a database has the version of this program. Otherwise the error
// wraps [ErrNewer], [ErrPending], or that of the database. It changes nothing.
func Check(ctx context.Context, db *sql.DB, d Dialect) error {
	s, err := Status(ctx, db, d)
	if err != nil {
		return err
	}
	return s.Err()
}

// Status returns how far a database was migrated. It changes nothing.
func Status(ctx context.Context, db *sql.DB, d Dialect) (State, error) {
	p, err := newProvider(db, d, files)
	if err != nil {
		return State{}, err
	}
	return status(ctx, db, d, p)
}

// status reads the table of goose, whose own functions make it where it is missing.
func status(ctx context.Context, db *sql.DB, d Dialect, p *goose.Provider) (State, error) {
	var s State
	applied, err := readVersions(ctx, db, d)
	if err != nil {
		return s, fmt.Errorf("read the version of the schema: %w", err)
	}
	for version := range applied {
		s.Version = max(s.Version, version)
	}
	for _, source := range p.ListSources() {
		s.Migrations = append(s.Migrations, Migration{Version: source.Version, Name: path.Base(source.Path), AppliedAt: applied[source.Version]})
		s.Wanted = max(s.Wanted, source.Version)
	}
	return s, nil
}

// readVersions returns the versions that were applied, and when.
func readVersions(ctx context.Context, db *sql.DB, d Dialect) (map[int64]time.Time, error) {
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '" + table + "'"
	at := "CAST(strftime('%s', tstamp) AS INTEGER)"
	if d == Postgres {
		exists = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('" + table + "')"
		at = "extract(epoch FROM tstamp AT TIME ZONE current_setting('TimeZone'))::bigint"
	}
	var n int
	if err := db.QueryRowContext(ctx, exists).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, "SELECT version_id, "+at+" FROM "+table)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	all := make(map[int64]time.Time)
	for rows.Next() {
		var version, seconds int64
		if err := rows.Scan(&version, &seconds); err != nil {
			return nil, err
		}
		all[version] = time.Unix(seconds, 0).UTC()
	}
	return all, rows.Err()
}
