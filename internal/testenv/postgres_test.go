package testenv_test

import (
	"context"
	"net"
	"testing"

	"wsticket/internal/testenv"
)

// What a database holds outlives a power cut, and databases do not see each other.
func TestPostgres(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	one, other := server.NewDatabase(), server.NewDatabase()
	for _, url := range []string{one, other} {
		server.Exec(url, "CREATE TABLE rows (n int)")
	}
	server.Exec(one, "INSERT INTO rows VALUES (1), (2)")
	server.Freeze()
	server.Thaw()
	server.Restart()
	if got := server.Exec(one, "SELECT n FROM rows ORDER BY n"); got != "1\n2" {
		t.Errorf("after a restart: %q, want the two rows", got)
	}
	if got := server.Exec(other, "SELECT count(*) FROM rows"); got != "0" {
		t.Errorf("the other database has %s rows, want none", got)
	}
	server.Freeze()
	server.Stop()
	var d net.Dialer
	if conn, err := d.DialContext(context.WithoutCancel(t.Context()), "tcp", server.Addr()); err == nil {
		_ = conn.Close()
		t.Error("the stopped server still listens")
	}
}
