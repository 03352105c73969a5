package audit_test

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // for the test to change what it should not
	_ "modernc.org/sqlite"

	"wsticket/audit"
	"wsticket/audit/postgres"
	"wsticket/audit/sqlite"
	"wsticket/internal/testenv"
)

// database is a real one, and a way to change it behind the back of the trail.
type database struct {
	audit.Store
	db     *sql.DB
	url    string                  // or the file
	server *testenv.PostgresServer // nil for SQLite
}

// databases returns one of each kind, with its tables.
func databases(t *testing.T) map[string]func(t *testing.T) *database {
	t.Helper()
	server := testenv.Postgres(t)
	return map[string]func(t *testing.T) *database{
		"sqlite":   newFile,
		"postgres": func(t *testing.T) *database { return newDatabase(t, server) },
	}
}

func newFile(t *testing.T) *database {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trail.db")
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	return prepared(t, &database{Store: s, url: file}, "sqlite")
}

func newDatabase(t *testing.T, server *testenv.PostgresServer) *database {
	t.Helper()
	url := server.NewDatabase()
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return prepared(t, &database{Store: s, url: url, server: server}, "pgx")
}

func prepared(t *testing.T, d *database, driver string) *database {
	t.Helper()
	t.Cleanup(func() { d.Close() })
	if err := d.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	var err error
	source := d.url
	if d.server == nil {
		source = "file:" + d.url + "?_pragma=busy_timeout(60000)" // others write all the time
	}
	if d.db, err = sql.Open(driver, source); err != nil {
		t.Fatal(err)
	}
	d.db.SetMaxOpenConns(1)
	t.Cleanup(func() { d.db.Close() })
	return d
}

// exec changes the database.
func (d *database) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, text := range statements {
		if _, err := d.db.ExecContext(context.WithoutCancel(t.Context()), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}
