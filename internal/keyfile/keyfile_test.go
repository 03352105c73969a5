package keyfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/keyfile"
)

func TestRead(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "keys.pem")
	for size, good := range map[int]bool{0: false, 1: true, 5: true, keyfile.MaxSize: true, keyfile.MaxSize + 1: false} {
		content := strings.Repeat("x", size)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := keyfile.Read(name)
		if (err == nil) != good || good && string(got) != content {
			t.Errorf("%d bytes: got %d bytes, %v, want good: %t", size, len(got), err, good)
		}
	}
}

// A fault names the whole path, and the folder where that is what is missing.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, row := range []struct {
		rule, path, want string
		missing          bool
	}{
		{"a missing file", filepath.Join(dir, "gone"), "no such file: " + filepath.Join(dir, "gone"), true},
		{"a relative name", "gone", "no such file: " + filepath.Join(dir, "gone"), true},
		{"a missing folder", "keys/gone", "no such file: " + filepath.Join(dir, "keys", "gone") + " (there is no folder " + filepath.Join(dir, "keys") + ")", true},
		{"a folder", dir, "is a folder, must be a file: " + dir, false},
	} {
		_, err := keyfile.Read(row.path)
		if err == nil || err.Error() != row.want || errors.Is(err, os.ErrNotExist) != row.missing {
			t.Errorf("%s: got %v, want %s", row.rule, err, row.want)
		}
		if again := keyfile.In("other", err); !errors.Is(again, err) || again.Error() != err.Error() {
			t.Errorf("%s: a fault of a fault is %v", row.rule, again)
		}
	}
	if err := keyfile.In("keys.pem", errors.New("not PEM")); err.Error() != "not PEM: "+filepath.Join(dir, "keys.pem") {
		t.Errorf("got %v", err)
	}
	if err := keyfile.In("keys.pem", nil); err != nil {
		t.Errorf("got %v for nil", err)
	}
}
