package sqlite

import (
	"strings"
	"testing"
	"time"

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
