//go:build e2e

package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// TestTrailOfARollingRestart replaces three replicas under load, with a trail in
// PostgreSQL: the chains of all six processes hold, and each connection that began has
// ended, once.
func TestTrailOfARollingRestart(t *testing.T) {
	database := testenv.Postgres(t)
	url := database.NewDatabase()
	f := newFleet(t, newIssuer(t), testenv.Redis(t), "database.url="+url, "database.migrate=true")
	f.restartAll(t)
	for _, s := range f.replicas {
		if code := s.terminate(t); code != 0 {
			t.Errorf("exit status: got %d, want 0", code)
		}
	}
	out, err := program(t.Context(), t, "audit", "verify", "--database", url).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "in 6 chains") {
		t.Errorf("audit verify: %v, want that the trail of 6 processes holds\n%s", err, out)
	}
	count := func(what string) (n int64) {
		t.Helper()
		if _, err := fmt.Sscan(database.Exec(url, "SELECT count(*) FROM audit_events WHERE "+what), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	connects, disconnects := count("event = 'connect'"), count("event = 'disconnect'")
	if connects != disconnects || connects < f.opened.Load() {
		t.Errorf("got %d connects and %d disconnects, want as many of both, and at least %d", connects, disconnects, f.opened.Load())
	}
	if n := count("event = 'connect' AND NOT EXISTS (SELECT FROM audit_events e WHERE e.event = 'disconnect' AND e.ticket_id = audit_events.ticket_id)"); n != 0 {
		t.Errorf("%d connections have no end", n)
	}
	if n := count("event = 'lost'"); n != 0 {
		t.Errorf("%d records say that events were lost, want none", n)
	}
	t.Logf("%d connections, %d records, all of them in the trail", connects, count("true"))
}
