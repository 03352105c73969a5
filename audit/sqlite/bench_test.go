package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"wsticket/audit"
	"wsticket/audit/audittest"
)

func BenchmarkAppend(b *testing.B) {
	audittest.BenchAppend(b, func(tb testing.TB) audit.Store { return migrated(tb, filepath.Join(tb.TempDir(), "trail.db")) })
}

func BenchmarkAppendMemory(b *testing.B) {
	audittest.BenchAppend(b, func(tb testing.TB) audit.Store { return open(tb, "") })
}

func BenchmarkSearch(b *testing.B) {
	path := filepath.Join(b.TempDir(), "trail.db")
	audittest.BenchSearch(b, func(tb testing.TB) audit.Store { return migrated(tb, path) }, func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		return info.Size()
	})
}
