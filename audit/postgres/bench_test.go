package postgres_test

import (
	"strconv"
	"testing"

	"wsticket/audit"
	"wsticket/audit/audittest"
	"wsticket/internal/testenv"
)

func BenchmarkAppend(b *testing.B) {
	server := testenv.Postgres(b)
	audittest.BenchAppend(b, func(tb testing.TB) audit.Store { return migrated(tb, server.NewDatabase()) })
}

func BenchmarkSearch(b *testing.B) {
	server := testenv.Postgres(b)
	url := server.NewDatabase()
	audittest.BenchSearch(b, func(tb testing.TB) audit.Store { return migrated(tb, url) }, func() int64 {
		n, err := strconv.ParseInt(server.Exec(url, "SELECT pg_total_relation_size('audit_events')"), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	})
}
