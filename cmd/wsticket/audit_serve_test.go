package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// TestTheTrailOutlivesTheProcess: after a restart, and at another process, the timeline of
// a ticket and GET /audit have what was there before. While the database does not answer,
// /audit says so, and the timeline is what the process itself saw.
func TestTheTrailOutlivesTheProcess(t *testing.T) {
	database := testenv.Postgres(t)
	idp := newProvider(t)
	config, _ := idp.withOperator(t, "memory:")
	serve := func() *process {
		return start(t, "serve", "--config", config, "--set", "database.url="+database.URL(), "--set", "database.migrate=true")
	}
	before := serve()
	got := issue(t, before.public, idp.bearer(t, "alice"))
	_, _, _ = dial(t, got.URL, nil)
	if err := before.stop(t); err != nil {
		t.Fatal(err)
	}
	p := serve()
	read := func(path string) answer { return send(t, http.MethodGet, "http://"+p.internal+path, "ops-key", "") }
	a := read("/audit?sub=alice&ticket_id=" + got.TicketID)
	var page ticket.AuditPage
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("GET /audit = %d %s, %v", a.status, a.body, err)
	}
	var kinds []string
	for _, r := range page.Records {
		kinds = append(kinds, string(r.Event))
	}
	if got := strings.Join(kinds, " "); got != "disconnect connect redeem issue" {
		t.Errorf("GET /audit: got %q, want the newest first", got)
	}
	timeline := read("/ops/tickets/" + got.TicketID).body
	if !strings.HasPrefix(timeline, `{"source":"database"`) || strings.Index(timeline, `"issue"`) > strings.Index(timeline, `"disconnect"`) || !strings.Contains(timeline, `"close_code":1001`) {
		t.Errorf("the timeline: %s, want that of the database", timeline)
	}
	seen := issue(t, p.public, idp.bearer(t, "bob"))
	database.Stop()
	if a := read("/audit"); a.status != http.StatusServiceUnavailable {
		t.Errorf("GET /audit without the database = %d %s, want 503", a.status, a.body)
	}
	if timeline := read("/ops/tickets/" + seen.TicketID).body; !strings.HasPrefix(timeline, `{"source":"process_only"`) || !strings.Contains(timeline, `"issue"`) {
		t.Errorf("the timeline without the database: %s, want that of the process", timeline)
	}
	database.Start()
	test.Wait(t, "the database is read again", func() bool {
		a := read("/audit?sub=bob")
		return a.status == http.StatusOK && strings.Contains(a.body, seen.TicketID)
	})
}
