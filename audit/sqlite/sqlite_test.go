package sqlite_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"wsticket/audit"
	"wsticket/audit/audittest"
	"wsticket/audit/sqlite"
	"wsticket/migrations"
	"wsticket/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func open(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func migrated(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s := open(tb, path)
	if err := s.Migrate(tb.Context(), quiet); err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestFile(t *testing.T) {
	t.Parallel()
	audittest.Run(t, func(tb testing.TB) audit.Store { return migrated(tb, filepath.Join(tb.TempDir(), "trail.db")) })
}

func TestMemory(t *testing.T) {
	t.Parallel()
	audittest.Run(t, func(tb testing.TB) audit.Store { return open(tb, "") })
}

// Nobody else reads the files, whatever is in their names, and nothing is made before the
// database is used.
func TestFileModes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a ?b%20#&=.db")
	s := open(t, path)
	if err := s.CheckSchema(t.Context()); !errors.Is(err, migrations.ErrPending) || errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("a new file: %v, want ErrPending", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("looking makes the file")
	}
	if err := s.Migrate(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), audittest.Records("one", 1, 1)); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("files: %v, %v, want the database and its log", files, err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(file.Name(), filepath.Base(path)) {
			t.Errorf("%s has mode %v, %v, want 0600", file.Name(), info.Mode(), err)
		}
	}
}

// Two processes use one file: what one writes the other one reads, and it is there for the
// next.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.db")
	one, two := migrated(t, path), migrated(t, path)
	for i, s := range []*sqlite.Store{one, two, one, two} {
		if err := s.Append(t.Context(), audittest.Records("one", uint64(i*3+1), 3)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, path).ReadChain(t.Context(), "one", 0, 100)
	if err != nil || len(got) != 12 {
		t.Errorf("%d records, %v, want 12", len(got), err)
	}
}

// What cannot be opened is said with its name.
func TestNoFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "trail.db")
	s := open(t, path)
	for name, err := range map[string]error{"Ping": s.Ping(t.Context()), "Migrate": s.Migrate(t.Context(), quiet), "CheckSchema": s.CheckSchema(t.Context())} {
		if !errors.Is(err, ticket.ErrUnavailable) || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), filepath.Dir(path)) {
			t.Errorf("%s: %v, want one about %s", name, err, path)
		}
	}
}
