package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/audit/postgres"
	"wsticket/audit/sqlite"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// chained writes the chain of a process.
type chained struct {
	store    audit.Store
	instance string
	seq      uint64
	hash     []byte
}

// chain begins one.
func chain(store audit.Store, instance string) *chained {
	return &chained{store: store, instance: instance, hash: audit.FirstHash(instance)}
}

// add writes records, which are those of alice where they have no subject.
func (c *chained) add(t testing.TB, records ...ticket.AuditRecord) {
	t.Helper()
	for n := range records {
		r := &records[n]
		c.seq++
		r.Instance, r.Seq, r.At = c.instance, c.seq, r.At.UTC().Truncate(time.Millisecond)
		if r.Subject == "" {
			r.Subject = "alice"
		}
		r.Hash = audit.Hash(c.hash, r)
		c.hash = r.Hash
	}
	if err := c.store.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

const storyID = "AAAAAAAAAAAAAAAAAAAAAA"

// story is what happens to a ticket as a rule.
func story(at time.Time) []ticket.AuditRecord {
	step := func(after time.Duration, kind ticket.EventKind) ticket.AuditRecord {
		return ticket.AuditRecord{At: at.Add(after), Event: kind, Reason: "ok", TicketID: storyID, Door: ticket.DoorQuery, ClientIP: "192.0.2.7"}
	}
	issue, closed := step(0, ticket.EventIssue), step(time.Minute, ticket.EventDisconnect)
	issue.Door, closed.CloseCode, closed.ClosedBy, closed.DurationMS = "", 1000, ticket.ByClient, 59000
	return []ticket.AuditRecord{issue, step(time.Second, ticket.EventRedeem), step(time.Second, ticket.EventConnect), closed}
}

// databases returns an empty trail in each kind of database, by its URL.
func databases(t *testing.T) map[string]audit.Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a trail.db")
	all := map[string]audit.Store{}
	add := func(url string, store audit.Store, err error) {
		t.Helper()
		if err == nil {
			err = store.Migrate(t.Context(), slog.New(slog.DiscardHandler))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		all[url] = store
	}
	store, err := sqlite.Open(t.Context(), file)
	add("sqlite:"+file, store, err)
	url := testenv.Postgres(t).URL()
	server, err := postgres.Open(t.Context(), url)
	add(url, server, err)
	return all
}

// trailFile returns an empty trail in a file, and its URL.
func trailFile(t *testing.T) (audit.Store, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trail.db")
	store, err := sqlite.Open(t.Context(), file)
	if err == nil {
		err = store.Migrate(t.Context(), slog.New(slog.DiscardHandler))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store, "sqlite:" + file
}

// TestAuditSearch: the story of a user is told in its order, in a table or as lines of
// JSON, while the database is written to.
func TestAuditSearch(t *testing.T) {
	at := time.Date(2026, 11, 29, 15, 0, 0, 0, time.UTC)
	for url, store := range databases(t) {
		first := chain(store, "p1")
		first.add(t, story(at)...)
		chain(store, "p2").add(t, ticket.AuditRecord{At: at.Add(90 * time.Second), Event: ticket.EventRefuse, Action: ticket.ActionAuthenticate, Reason: "bearer_expired", Subject: "bob"})
		out, errs, err := runIn(t, nil, "audit", "search", "--database", url, "--sub", "alice")
		want := `TIME                      EVENT       RESULT                    SUB    DOOR   FROM       TICKET
2026-11-29T15:00:00.000Z  issue       ok                        alice  -      192.0.2.7  AAAAAAAAAAAAAAAAAAAAAA
2026-11-29T15:00:01.000Z  redeem      ok                        alice  query  192.0.2.7  AAAAAAAAAAAAAAAAAAAAAA
2026-11-29T15:00:01.000Z  connect     ok                        alice  query  192.0.2.7  AAAAAAAAAAAAAAAAAAAAAA
2026-11-29T15:01:00.000Z  disconnect  1000 by client after 59s  alice  query  192.0.2.7  AAAAAAAAAAAAAAAAAAAAAA
`
		if err != nil || out != want || errs != "" {
			t.Errorf("%s: got\n%s%s %v\nwant\n%s", url, out, errs, err, want)
		}
		for _, row := range []struct {
			args []string
			want string // the events, the newest last
		}{
			{nil, "issue redeem connect disconnect refuse"},
			{[]string{"--limit", "2"}, "disconnect refuse"},
			{[]string{"--limit", "0"}, "issue redeem connect disconnect refuse"},
			{[]string{"--event", "refuse"}, "refuse"},
			{[]string{"--ticket-id=" + storyID, "--event", "connect"}, "connect"},
			{[]string{"--since", "2026-11-29T16:01:00+01:00"}, "disconnect refuse"},
			{[]string{"--since", "0s"}, ""},
			{[]string{"--sub", "Alice"}, ""},
		} {
			out, errs, err := runIn(t, nil, append([]string{"audit", "search", "--json", "--database", url}, row.args...)...)
			var kinds []string
			for line := range strings.Lines(out) {
				var r ticket.AuditRecord
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				kinds = append(kinds, string(r.Event))
			}
			if got := strings.Join(kinds, " "); err != nil || got != row.want {
				t.Errorf("%v: got %q, %v, want %q", row.args, got, err, row.want)
			}
			if said := errs != ""; said != (row.want == "" || row.args != nil && row.args[1] == "2") {
				t.Errorf("%v: said %q, want a word where there is nothing, or more", row.args, errs)
			}
		}
		out, _, err = runIn(t, nil, "audit", "verify", "--database", url)
		if err != nil || !strings.Contains(out, "p1") || !strings.Contains(out, "5 records in 2 chains") {
			t.Errorf("%s: verify = %q, %v", url, out, err)
		}
		first.add(t, story(at)...)
	}
}

// TestAuditResults: the result of a record says in a few words how it went.
func TestAuditResults(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		record ticket.AuditRecord
		want   string
	}{
		{ticket.AuditRecord{Event: ticket.EventIssue, Outcome: "issued", Reason: "ok"}, "issued"},
		{ticket.AuditRecord{Event: ticket.EventRedeem, Outcome: "redeemed", Reason: "ok", Caller: "key:chat"}, "by key:chat"},
		{ticket.AuditRecord{Event: ticket.EventRefuse, Reason: "origin_not_allowed"}, "origin_not_allowed"},
		{ticket.AuditRecord{Event: ticket.EventRefuse, Action: ticket.ActionRedeem, Reason: "expired"}, "redeem: expired"},
		{ticket.AuditRecord{Event: ticket.EventDisconnect, CloseCode: 4003, ClosedBy: ticket.ByServer, DurationMS: 90_500}, "4003 by wsticket after 1m30.5s"},
		{ticket.AuditRecord{Event: ticket.EventDisconnect, CloseCode: 1006, ClosedBy: ticket.ByUpstream}, "1006 by application after 0s"},
		{ticket.AuditRecord{Event: ticket.EventLost, Outcome: "lost", Reason: "queue_full", Details: map[string]string{"events": "12"}}, "12 events: queue_full"},
		{ticket.AuditRecord{Event: ticket.EventLost, Outcome: "lost", Reason: "chain_lost", Details: map[string]string{"instance": "I", "seq": "12"}}, "I up to 12: chain_lost"},
		{ticket.AuditRecord{Event: ticket.EventRecheck, Outcome: "over", Reason: "ok"}, "over"},
	} {
		if got := trailResult(&row.record); got != row.want {
			t.Errorf("%+v: got %q, want %q", row.record, got, row.want)
		}
	}
}

// TestAuditSearchPages: more records than a page, or than may be asked for at once, come
// once each and in their order.
func TestAuditSearchPages(t *testing.T) {
	t.Parallel()
	store, url := trailFile(t)
	var all []ticket.AuditRecord
	for n := range 2500 {
		all = append(all, ticket.AuditRecord{At: time.Unix(int64(n/10), 0), Event: ticket.EventIssue, RequestID: fmt.Sprint(n)})
	}
	chain(store, "p").add(t, all...)
	for limit, want := range map[string]int{"0": 2500, "1500": 1500, "10000": 2500, "1": 1} {
		out, _, err := runIn(t, nil, "audit", "search", "--database", url, "--json", "--limit", limit)
		if err != nil {
			t.Fatal(err)
		}
		n := 2500 - want
		for line := range strings.Lines(out) {
			if !strings.Contains(line, fmt.Sprintf(`"request_id":"%d"`, n)) {
				t.Fatalf("--limit %s: got %s, want that of request %d", limit, line, n)
			}
			n++
		}
		if n != 2500 {
			t.Errorf("--limit %s: the last is %d, want 2499", limit, n-1)
		}
	}
}

// TestAuditTail: what is there comes first, then each record once, also those that another
// process stores late. It goes on until it is stopped.
func TestAuditTail(t *testing.T) {
	t.Parallel()
	store, url := trailFile(t)
	first, second := chain(store, "p1"), chain(store, "p2")
	now := time.Now()
	record := func(name string, at time.Time) ticket.AuditRecord {
		return ticket.AuditRecord{At: at, Event: ticket.EventIssue, RequestID: name}
	}
	first.add(t, record("left-out", now.Add(-time.Hour)), record("before", now))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, errs := new(test.Output), new(test.Output)
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, world{Args: []string{"audit", "tail", "--database", url, "--json", "--limit", "1", "--sub", "alice"}, Stdout: out, Stderr: errs})
	}()
	out.WaitFor(t, `"before"`)
	first.add(t, record("then", now.Add(time.Second)))
	out.WaitFor(t, `"then"`)
	foreign := record("foreign", now)
	foreign.Subject = "bob"
	var many []ticket.AuditRecord
	for range 2 * trailPage {
		many = append(many, foreign)
	}
	second.add(t, record("late", now.Add(-time.Minute)))
	out.WaitFor(t, `"late"`)
	second.add(t, append(many, record("last", now))...)
	out.WaitFor(t, `"last"`)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("tail = %v, want that it ends well", err)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		var r ticket.AuditRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		names = append(names, r.RequestID)
	}
	if got := strings.Join(names, " "); got != "before then late last" || errs.String() != "" {
		t.Errorf("got %q and said %q, want each once", got, errs)
	}
}

// TestAuditTailOutlastsTheDatabase: a database that goes away and comes back is one line,
// and nothing is missed.
func TestAuditTailOutlastsTheDatabase(t *testing.T) {
	server := testenv.Postgres(t)
	store, err := postgres.Open(t.Context(), server.URL())
	if err == nil {
		err = store.Migrate(t.Context(), slog.New(slog.DiscardHandler))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	c := chain(store, "p1")
	c.add(t, ticket.AuditRecord{At: time.Now(), Event: ticket.EventIssue, RequestID: "before"})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, errs := new(test.Output), new(test.Output)
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, world{Args: []string{"audit", "tail", "--database", server.URL(), "--json"}, Stdout: out, Stderr: errs})
	}()
	out.WaitFor(t, `"before"`)
	server.Stop()
	errs.WaitFor(t, "asked again")
	server.Start()
	test.Wait(t, "the database is back", func() bool { return store.Ping(t.Context()) == nil })
	c.add(t, ticket.AuditRecord{At: time.Now(), Event: ticket.EventIssue, RequestID: "after"})
	out.WaitFor(t, `"after"`)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("tail = %v, want that it ends well", err)
	}
	if n := strings.Count(errs.String(), "\n"); n != 1 {
		t.Errorf("said %d lines, want one for the outage:\n%s", n, errs)
	}
}

// TestAuditVerify: a record that somebody has changed, removed or added is found, and
// verify fails.
func TestAuditVerify(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ statement, want string }{
		{"UPDATE audit_events SET sub = 'mallory' WHERE seq = 2", "record 2 changed"},
		{"DELETE FROM audit_events WHERE seq IN (2, 3)", "records 2 to 3 removed from between"},
		{"DELETE FROM audit_events WHERE seq = 4", "record 4 removed from the end"},
	} {
		store, url := trailFile(t)
		c := chain(store, "p1")
		c.add(t, story(time.Now())...)
		chain(store, "p2").add(t, story(time.Now())...)
		out, _, err := runIn(t, nil, "audit", "verify", "--database", url)
		head := fmt.Sprintf("head p1:4:%x", c.hash)
		if err != nil || !strings.Contains(out, "records 1 to 4") || !strings.Contains(out, head) || !strings.HasSuffix(out, "The trail holds: 8 records in 2 chains.\n") {
			t.Fatalf("verify = %q, %v, want that it holds, with %s", out, err, head)
		}
		execute(t, url, row.statement+" AND instance = 'p1'")
		out, _, err = runIn(t, nil, "audit", "verify", "--database", url)
		if err == nil || !strings.Contains(out, "broken  p1  "+row.want) || !strings.Contains(out, "holds   p2") {
			t.Errorf("%s: verify = %q, %v, want %q of p1", row.statement, out, err, row.want)
		}
		out, _, err = runIn(t, nil, "audit", "verify", "--json", "--database", url)
		var found verified
		if fault := json.Unmarshal([]byte(out), &found); fault != nil || err == nil || len(found.Faults) != 1 || found.Faults[0].Instance != "p1" || len(found.Chains) != 2 {
			t.Errorf("%s: verify --json = %q, %v", row.statement, out, err)
		}
	}
}

// execute changes a file behind the back of everybody.
func execute(t *testing.T, url, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestAuditVerifyHeads: a trail that was made anew as a whole holds by itself. Whoever has
// kept an end of a chain sees that it is another one.
func TestAuditVerifyHeads(t *testing.T) {
	t.Parallel()
	store, url := trailFile(t)
	c := chain(store, "p1")
	c.add(t, story(time.Now())...)
	known := fmt.Sprintf("p1:3:%x", audit.Hash(nil, &ticket.AuditRecord{}))
	_, _, err := runIn(t, nil, "audit", "verify", "--database", url, "--head", fmt.Sprintf("p1:4:%x", c.hash))
	if err != nil {
		t.Errorf("the end that it has: %v, want that it holds", err)
	}
	for _, head := range []string{known, fmt.Sprintf("p1:5:%x", c.hash), fmt.Sprintf("gone:1:%x", c.hash)} {
		out, _, err := runIn(t, nil, "audit", "verify", "--database", url, "--head", head)
		if err == nil || !strings.Contains(out, "broken  ") {
			t.Errorf("%s: verify = %q, %v, want a fault", head, out, err)
		}
	}
	for _, head := range []string{"p1", "p1:4", "p1:4:00", "p1:x:" + fmt.Sprintf("%x", c.hash), ":4:" + fmt.Sprintf("%x", c.hash)} {
		_, _, err := runIn(t, nil, "audit", "verify", "--database", url, "--head", head)
		if _, usage := errors.AsType[usageError](err); !usage {
			t.Errorf("%s: %v, want wrong usage", head, err)
		}
	}
}

// TestAuditUsage: what is wrong with a command line is said before a database is opened. A
// ticket in the place of its ID is not repeated.
func TestAuditUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, row := range []struct {
		args []string
		says string
	}{
		{[]string{"search"}, "--database"},
		{[]string{"tail"}, "--database"},
		{[]string{"verify"}, "--database"},
		{[]string{"search", "--sub", "a\xff"}, "--sub"},
		{[]string{"search", "--since", "yesterday"}, "--since"},
		{[]string{"search", "--event", "conect"}, "connect"},
		{[]string{"search", "--event", "request"}, "--event"},
		{[]string{"search", "--ticket-id", "x"}, "--ticket-id"},
		{[]string{"search", "--ticket-id", "wst1_secret"}, "--ticket-id"},
		{[]string{"search", "--limit", "-1"}, "--limit"},
		{[]string{"search", "--limit", "10001"}, "--limit"},
		{[]string{"tail", "--limit", "10001"}, "--limit"},
	} {
		_, _, err := runIn(t, nil, append([]string{"audit"}, row.args...)...)
		if _, usage := errors.AsType[usageError](err); !usage || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v, want wrong usage that names %s", row.args, err, row.says)
		}
	}
}

// TestAuditDatabases: which database is read, and what is said of one that cannot be.
func TestAuditDatabases(t *testing.T) {
	store, url := trailFile(t)
	chain(store, "p1").add(t, story(time.Now())...)
	t.Chdir(filepath.Dir(strings.TrimPrefix(url, "sqlite:")))
	config := test.WriteFile(t, "wsticket.yaml", "database: {url: \""+url+"\"}\n")
	for name, args := range map[string][]string{
		"the one in this folder": nil, "that of a flag": {"--database", url}, "that of the configuration": {"--config", config},
	} {
		if out, _, err := runIn(t, nil, append([]string{"audit", "search"}, args...)...); err != nil || strings.Count(out, "\n") != 5 {
			t.Errorf("%s: search = %q, %v, want four records", name, out, err)
		}
	}
	if out, _, err := runIn(t, []string{"WSTICKET_DATABASE_URL=" + url}, "audit", "search"); err != nil || strings.Count(out, "\n") != 5 {
		t.Errorf("that of the environment: search = %q, %v, want four records", out, err)
	}
	old, newer := filepath.Join(t.TempDir(), "old.db"), filepath.Join(t.TempDir(), "newer.db")
	execute(t, "sqlite:"+old, "CREATE TABLE another (n INTEGER)")
	renewed, err := sqlite.Open(t.Context(), newer)
	if err == nil {
		err = renewed.Migrate(t.Context(), slog.New(slog.DiscardHandler))
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = renewed.Close()
	execute(t, "sqlite:"+newer, "INSERT INTO wsticket_migrations (version_id, is_applied) VALUES (999, 1)")
	for url, says := range map[string]string{
		"sqlite:" + old: "wsticket migrate up", "sqlite:" + newer: "999", "sqlite:/nowhere/trail.db": "no such file",
		"sqlite:" + t.TempDir(): "invalid", "sqlite:" + config: "not a database",
		"postgres://user:secret@127.0.0.1:1/db?connect_timeout=1": "connect",
	} {
		_, _, err := runIn(t, nil, "audit", "search", "--database", url)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want one line with %q", url, err, says)
		}
	}
	for url, says := range map[string]string{
		"mysql://user:secret@host/db": "database.url: must begin with sqlite: or postgres://", "trail.db": "database.url: must begin with sqlite: or postgres://",
		"sqlite:": "database.url: is in the memory",
	} {
		_, _, err := runIn(t, nil, "audit", "search", "--database", url)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", url, err, says)
		}
	}
}

// TestAuditShowsWhatIsHidden: a database may hold what nobody has escaped.
func TestAuditShowsWhatIsHidden(t *testing.T) {
	t.Parallel()
	store, url := trailFile(t)
	value := hostile + "\U000e0001"
	chain(store, "p1").add(t, ticket.AuditRecord{At: time.Now(), Event: ticket.EventIssue, Subject: value})
	for _, args := range [][]string{nil, {"--json"}} {
		out, _, err := runIn(t, nil, append([]string{"audit", "search", "--database", url}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		wantVisible(t, fmt.Sprint(args), strings.TrimSuffix(out, "\n"))
		var r ticket.AuditRecord
		if args != nil && (json.Unmarshal([]byte(out), &r) != nil || r.Subject != value) {
			t.Errorf("got %q, want the value as it is", r.Subject)
		}
	}
}
