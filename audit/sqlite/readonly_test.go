package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"wsticket/audit/audittest"
	"wsticket/audit/sqlite"
	"wsticket/migrations"
	"wsticket/ticket"
)

// Who only reads sees what a process writes meanwhile, and what it wrote before it ended,
// and can change nothing.
func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a ?b%20#&=.db")
	writer := migrated(t, path)
	reader := readOnly(t, path)
	if err := reader.CheckSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := writer.Append(t.Context(), audittest.Records("one", uint64(n+1), 1)); err != nil {
			t.Fatal(err)
		}
		wantRecords(t, reader, n+1)
	}
	for _, err := range []error{
		reader.Append(t.Context(), audittest.Records("two", 1, 1)), reader.PutRevocations(t.Context(), []ticket.Revocation{{ID: "r"}}),
	} {
		if err == nil {
			t.Error("a reader has written")
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	wantRecords(t, reader, 3)
	wantRecords(t, readOnly(t, path), 3)
	wantRecords(t, migrated(t, path), 3) // whoever writes next is not in the way of readers
}

func readOnly(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func wantRecords(t *testing.T, s *sqlite.Store, n int) {
	t.Helper()
	page, err := s.Search(t.Context(), ticket.AuditQuery{Limit: 10})
	if err != nil || len(page.Records) != n {
		t.Fatalf("%d records, %v, want %d", len(page.Records), err, n)
	}
}

// What is no database of ours is refused, and no file is made.
func TestOpenReadOnlyRefuses(t *testing.T) {
	t.Parallel()
	missing, empty := filepath.Join(t.TempDir(), "missing.db"), filepath.Join(t.TempDir(), "empty.db")
	if _, err := sqlite.OpenReadOnly(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v, want that it does not exist", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("opening makes the file")
	}
	if _, err := sqlite.OpenReadOnly(t.TempDir()); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a folder: %v, want that it is none", err)
	}
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := readOnly(t, empty).CheckSchema(t.Context()); !errors.Is(err, migrations.ErrPending) {
		t.Errorf("an empty file: %v, want ErrPending", err)
	}
}
