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
	dir := t.TempDir()
	name := filepath.Join(dir, "keys.pem")
	for size, good := range map[int]bool{0: true, 5: true, keyfile.MaxSize: true, keyfile.MaxSize + 1: false} {
		content := strings.Repeat("x", size)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := keyfile.Read(name)
		if (err == nil) != good || good && string(got) != content {
			t.Errorf("%d bytes: got %d bytes, %v, want good: %t", size, len(got), err, good)
		}
	}
	for rule, path := range map[string]string{"missing": filepath.Join(dir, "gone"), "a folder": dir} {
		_, err := keyfile.Read(path)
		if err == nil || errors.Is(err, os.ErrNotExist) != (rule == "missing") || strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v, want an error without the path", rule, err)
		}
	}
}
