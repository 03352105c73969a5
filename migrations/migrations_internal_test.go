package migrations

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sqliteURL(file string) string {
	return "file:" + file + "?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_txlock=immediate"
}

// databases returns for each dialect a function that opens the same empty database again
// and again.
func databases(t *testing.T) map[Dialect]func() *sql.DB {
	t.Helper()
	open := func(driver, url string) func() *sql.DB {
		return func() *sql.DB {
			db, err := sql.Open(driver, url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			return db
		}
	}
	server := testenv.Postgres(t)
	return map[Dialect]func() *sql.DB{
		SQLite:   open("sqlite", sqliteURL(filepath.Join(t.TempDir(), "test.db"))),
		Postgres: open("pgx", server.NewDatabase()),
	}
}

var quiet = slog.New(slog.DiscardHandler)

// An empty database is pending until it was migrated once. Looking changes nothing.
func TestUp(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases(t) {
		db := open()
		if err := Check(t.Context(), db, dialect); !errors.Is(err, ErrPending) {
			t.Errorf("%s: an empty database: %v, want ErrPending", dialect, err)
		}
		if got := schema(t, db, dialect); len(got) != 0 {
			t.Errorf("%s: looking has made %q", dialect, got)
		}
		for range 2 {
			if err := Up(t.Context(), db, dialect, quiet); err != nil {
				t.Fatalf("%s: %v", dialect, err)
			}
		}
		s, err := Status(t.Context(), db, dialect)
		if err != nil || s.Err() != nil || s.Version == 0 || s.Version != s.Wanted {
			t.Errorf("%s: migrated: %+v, %v", dialect, s, err)
		}
		for _, m := range s.Migrations {
			if m.AppliedAt.IsZero() {
				t.Errorf("%s: nobody knows when %s was applied", dialect, m.Name)
			}
		}
	}
}

// Ten replicas that start together do it once, and all of them succeed.
func TestReplicasMigrateOnce(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases(t) {
		var log test.Output
		logger := slog.New(slog.NewTextHandler(&log, nil))
		var running sync.WaitGroup
		start := make(chan struct{})
		for range 10 {
			db := open()
			running.Go(func() {
				<-start
				if err := Up(t.Context(), db, dialect, logger); err != nil {
					t.Errorf("%s: %v", dialect, err)
				}
			})
		}
		close(start)
		running.Wait()
		checkOnce(t, open(), dialect)
		s, err := Status(t.Context(), open(), dialect)
		if got := strings.Count(log.String(), "version="); err != nil || got != len(s.Migrations) {
			t.Errorf("%s: %d steps were logged, %v, want %d", dialect, got, err, len(s.Migrations))
		}
	}
}

func checkOnce(t *testing.T, db *sql.DB, dialect Dialect) {
	t.Helper()
	var rows, versions int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*), count(DISTINCT version_id) FROM "+table).Scan(&rows, &versions); err != nil || rows != versions {
		t.Errorf("%s: %d migrations of %d versions were noted, %v", dialect, rows, versions, err)
	}
	if err := Check(t.Context(), db, dialect); err != nil {
		t.Errorf("%s: %v", dialect, err)
	}
}

// A program refuses a database that a newer one has migrated, with both versions, and
// leaves it alone.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases(t) {
		db := open()
		if err := up(t.Context(), db, dialect, future(t), quiet); err != nil {
			t.Fatalf("%s: a newer program: %v", dialect, err)
		}
		before := schema(t, db, dialect)
		for name, err := range map[string]error{"Check": Check(t.Context(), db, dialect), "Up": Up(t.Context(), db, dialect, quiet)} {
			if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "999") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %s: %v, want ErrNewer with the version 999 in one line", dialect, name, err)
			}
		}
		if after := schema(t, db, dialect); !slices.Equal(before, after) {
			t.Errorf("%s: the schema has changed:\n%q\n%q", dialect, before, after)
		}
	}
}

// future has the migrations of a later program.
func future(t *testing.T) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	for _, name := range sources(t) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &fstest.MapFile{Data: text}
	}
	for _, dialect := range []Dialect{SQLite, Postgres} {
		all[string(dialect)+"/00999_later.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE audit_events ADD COLUMN later text;\n")}
	}
	return all
}

func sources(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(files, "*/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("migrations: %q, %v", names, err)
	}
	return names
}

// A migration that fails leaves nothing of itself.
func TestFailedMigration(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases(t) {
		db := open()
		all := future(t)
		all[string(dialect)+"/01000_broken.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE half (n integer);\nSELECT no_such_function_here();\n")}
		if err := up(t.Context(), db, dialect, all, quiet); err == nil {
			t.Errorf("%s: a broken migration succeeds", dialect)
		}
		if got := schema(t, db, dialect); slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "half") }) {
			t.Errorf("%s: half of it is there: %q", dialect, got)
		}
		s, err := Status(t.Context(), db, dialect)
		if err != nil || s.Version != 999 {
			t.Errorf("%s: version %d, %v, want the last that succeeded, 999", dialect, s.Version, err)
		}
	}
}

// Migrations only add, both dialects have the same ones, and the numbers have no gap.
func TestMigrationsAdd(t *testing.T) {
	t.Parallel()
	destructive := regexp.MustCompile(`(?i)\b(DROP|DELETE|TRUNCATE|RENAME|UPDATE)\b|\+goose\s+Down`)
	names := make(map[Dialect][]string)
	for _, name := range sources(t) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		if found := destructive.Find(text); found != nil {
			t.Errorf("%s has %q: a migration only adds", name, found)
		}
		dialect, file := filepath.Split(name)
		names[Dialect(strings.TrimSuffix(dialect, "/"))] = append(names[Dialect(strings.TrimSuffix(dialect, "/"))], file)
	}
	if !slices.Equal(names[SQLite], names[Postgres]) {
		t.Errorf("the dialects differ: %q", names)
	}
	for i, name := range names[SQLite] {
		if !strings.HasPrefix(name, fmt.Sprintf("%05d_", i+1)) {
			t.Errorf("%s is number %d", name, i+1)
		}
	}
}

// A filled database of every released version becomes the same as a new one, and keeps
// its rows. Each version has one in testdata: add one with each migration, as pg_dump
// --inserts and .dump of sqlite3 print it, and never change it.
func TestReleasedVersions(t *testing.T) {
	t.Parallel()
	for dialect, fresh := range databases(t) {
		if err := Up(t.Context(), fresh(), dialect, quiet); err != nil {
			t.Fatal(err)
		}
		want := schema(t, fresh(), dialect)
		state, err := Status(t.Context(), fresh(), dialect)
		if err != nil {
			t.Fatal(err)
		}
		for version := int64(1); version <= state.Wanted; version++ {
			t.Run(fmt.Sprintf("%s/%d", dialect, version), func(t *testing.T) {
				t.Parallel()
				db := databases(t)[dialect]()
				dump, err := os.ReadFile(fmt.Sprintf("testdata/%s_%05d.sql", dialect, version))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := db.ExecContext(t.Context(), string(dump)); err != nil {
					t.Fatal(err)
				}
				s, err := Status(t.Context(), db, dialect)
				if err != nil || s.Version != version {
					t.Fatalf("the dump has version %d, %v", s.Version, err)
				}
				before := rows(t, db)
				if err := Up(t.Context(), db, dialect, quiet); err != nil {
					t.Fatal(err)
				}
				if after := rows(t, db); !maps.Equal(before, after) {
					t.Errorf("rows: %v, before %v", after, before)
				}
				if got := schema(t, db, dialect); !slices.Equal(got, want) {
					t.Errorf("the schema differs from that of a new database:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		}
	}
}

// rows returns how many rows there are in each table, and fails for none.
func rows(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for _, name := range []string{"audit_events", "audit_chains", "revocations"} {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+name).Scan(&n); err != nil || n == 0 {
			t.Fatalf("%s: %d rows, %v", name, n, err)
		}
		counts[name] = n
	}
	return counts
}

// schema returns a line for each column and index.
func schema(t *testing.T, db *sql.DB, dialect Dialect) []string {
	t.Helper()
	query := `SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || c.pk FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'
		UNION ALL SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`
	if dialect == Postgres {
		query = `SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(collation_name, '') FROM information_schema.columns WHERE table_schema = 'public'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'`
	}
	found, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var all []string
	for found.Next() {
		var line string
		if err := found.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// Two programs that migrate a filled database at once lose nothing of it.
func TestFilledByReplicas(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases(t) {
		dump, err := os.ReadFile(fmt.Sprintf("testdata/%s_00001.sql", dialect))
		if err != nil {
			t.Fatal(err)
		}
		db := open()
		if _, err := db.ExecContext(t.Context(), string(dump)); err != nil {
			t.Fatal(err)
		}
		before := rows(t, db)
		all := future(t)
		var running sync.WaitGroup
		for range 4 {
			db := open()
			running.Go(func() {
				if err := up(t.Context(), db, dialect, all, quiet); err != nil {
					t.Errorf("%s: %v", dialect, err)
				}
			})
		}
		running.Wait()
		if after := rows(t, db); !maps.Equal(before, after) {
			t.Errorf("%s: rows: %v, before %v", dialect, after, before)
		}
	}
}

// A database that cannot be used, and a dialect that is none, are errors of every function.
func TestUnusable(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases(t) {
		closed := open()
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		for _, d := range []Dialect{dialect, "mysql"} {
			_, err := Status(t.Context(), closed, d)
			for name, err := range map[string]error{"Up": Up(t.Context(), closed, d, quiet), "Check": Check(t.Context(), closed, d), "Status": err} {
				if err == nil || errors.Is(err, ErrPending) || errors.Is(err, ErrNewer) {
					t.Errorf("%s of a closed %s as %s: %v, want another error", name, dialect, d, err)
				}
			}
		}
	}
}
