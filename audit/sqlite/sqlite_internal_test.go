package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wsticket/audit/audittest"
	"wsticket/audit/internal/records"
	"wsticket/ticket"
)

// Every search reads an index in the order of its answer, the one that leads to the fewest
// records, so that it does not depend on the size of the trail.
func TestPlans(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	since := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	page := records.Page([]ticket.AuditRecord{{Instance: "a", Seq: 1, At: since}, {}}, 1)
	for index, queries := range map[string][]ticket.AuditQuery{
		"audit_events_sub":       {{Subject: "a"}, {Subject: "a", Event: "issue"}, {Subject: "a", Since: since}, {Subject: "a", Event: "issue", Since: since, Newest: true}},
		"audit_events_ticket_id": {{TicketID: "a"}, {TicketID: "a", Event: "issue"}, {TicketID: "a", Since: since, Newest: true}},
		"audit_events_event":     {{Event: "issue"}, {Event: "issue", Since: since}, {Event: "issue", Newest: true}},
		"audit_events_at":        {{}, {Newest: true}, {Since: since}},
	} {
		for _, q := range queries {
			for _, cursor := range []string{"", page.Cursor} {
				q.Limit, q.Cursor = 100, cursor
				if got := plan(t, s, q); !strings.Contains(got, "USING INDEX "+index+" ") || strings.Contains(got, "TEMP B-TREE FOR ORDER BY") {
					t.Errorf("%+v: %s, want the index %s", q, got, index)
				}
			}
		}
	}
}

func plan(t *testing.T, s *Store, q ticket.AuditQuery) string {
	t.Helper()
	query, err := records.Select(q, "?", stamp)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query.SQL, query.Args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}

// A disk that is full refuses, loses nothing of what is there, and is used as soon as there
// is room.
func TestFull(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "trail.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	pages := func(n int) {
		if _, err := s.write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	first, more := audittest.Records("one", 1, 10), audittest.Records("one", 11, 1000)
	if err := s.Append(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	pages(1) // which SQLite takes for as many as there are
	if err := s.Append(t.Context(), more); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("append to a full disk: %v, want ErrUnavailable", err)
	}
	if got, err := s.ReadChain(t.Context(), "one", 0, 2000); err != nil || len(got) != len(first) {
		t.Errorf("%d records are there, %v, want the first %d", len(got), err, len(first))
	}
	pages(1 << 20)
	if err := s.Append(t.Context(), more); err != nil {
		t.Errorf("append to a disk with room: %v", err)
	}
}
