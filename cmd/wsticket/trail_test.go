package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/audit"
	"wsticket/audit/sqlite"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// inFile are the settings of a trail in a new file.
func inFile(t testing.TB) (file string, settings []string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "trail.db")
	return file, []string{"--set", "database.url=sqlite:" + file, "--set", "database.migrate=true"}
}

// recordsOf returns all records of the trail in a file.
func recordsOf(t testing.TB, file string) []ticket.AuditRecord {
	t.Helper()
	store, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if report, err := audit.Verify(t.Context(), store); err != nil || !report.OK() || report.Chains == 0 {
		t.Errorf("the trail: %+v, %v, want it to hold", report, err)
	}
	page, err := store.Search(t.Context(), ticket.AuditQuery{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return page.Records
}

// TestTrailTellsTheStoryOfATicket, to its end, which is the drain.
func TestTrailTellsTheStoryOfATicket(t *testing.T) {
	file, settings := inFile(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), settings...)
	got := issue(t, p.public, idp.bearer(t, "alice"))
	_, _, _ = dial(t, got.URL, &websocket.DialOptions{HTTPHeader: http.Header{"User-Agent": {"ACME/1.0 \u202e"}}})
	_, _, _ = dial(t, got.URL, nil)
	p.hasMetrics(t, `wsticket_audit_events_lost_total{reason="queue_full"} 0`, `wsticket_audit_failing_seconds 0`)
	if out, _, err := runIn(t, nil, "health", "--verbose", "--internal", p.internal); err != nil || !strings.Contains(out, file) {
		t.Errorf("health --verbose = %q, %v, want the database", out, err)
	}
	_ = p.stop(t)
	p.stderr.WaitFor(t, "audit: chain head")
	var kinds []string
	for _, r := range recordsOf(t, file) {
		kinds = append(kinds, string(r.Event))
		if r.TicketID != ticket.ID(got.TicketID) || r.Instance == "" || r.ClientIP != "127.0.0.1" && r.Event != ticket.EventDisconnect {
			t.Errorf("%+v is not about the ticket", r)
		}
		switch r.Event {
		case ticket.EventRedeem:
			if r.Subject != "alice" || r.Door != ticket.DoorQuery || r.Route != "/ws" || r.UserAgent != `ACME/1.0 \u202e` {
				t.Errorf("the redemption: %+v", r)
			}
		case ticket.EventDisconnect:
			if r.CloseCode != 1001 || r.ClosedBy == "" || r.Subject != "alice" {
				t.Errorf("the disconnect: %+v", r)
			}
		default:
		}
	}
	if want := []string{"issue", "redeem", "connect", "replay", "tripwire", "disconnect"}; !slices.Equal(kinds, want) {
		t.Errorf("events %q, want %q", kinds, want)
	}
}

// TestEveryRefusalIsInTheTrail (ASVS 16.3.2), once, whoever has refused it.
func TestEveryRefusalIsInTheTrail(t *testing.T) {
	file, settings := inFile(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), append(settings, "--set", everyDoor, "--set", "session.cookie=sid", "--set", "session.jwt=true")...)
	bearer := idp.bearer(t, "alice")
	spent := issue(t, p.public, bearer).Ticket
	_ = p.consume(t, chatKey, `{"ticket":"`+spent+`"}`)
	public, internal := "http://"+p.public, "http://"+p.internal
	handshake := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", test.HandshakeKey}
	rows := map[string]answer{ // by reason
		"missing_credential":     exchange(t, http.MethodPost, public+"/ws-ticket", ""),
		"bearer_malformed":       send(t, http.MethodPost, public+"/ws-ticket", "x", ""),
		"origin_not_allowed":     exchange(t, http.MethodPost, public+"/ws-ticket", "", "Origin", "https://evil.example"),
		"credential_in_url":      send(t, http.MethodPost, public+"/ws-ticket?access_token=x", bearer, ""),
		"session_without_origin": exchange(t, http.MethodPost, public+"/ws-ticket", "", "Cookie", "sid="+bearer),
		"insufficient_scope":     send(t, http.MethodPost, public+"/ws-ticket", bearer, `{"audience":"other"}`),
		"invalid_request":        send(t, http.MethodPost, public+"/ws-ticket", bearer, `{"ttl":"x"}`),
		"unknown_key":            p.consume(t, "wrong", `{"ticket":"x"}`),
		"malformed":              p.consume(t, chatKey, `{"ticket":"x"}`),
		"spent":                  p.consume(t, chatKey, `{"ticket":"`+spent+`","client_ip":"192.0.2.1"}`),
		"key_scope":              p.consume(t, watchKey, `{"ticket":"x"}`),
		"not_found":              send(t, http.MethodDelete, public+"/ws-ticket/AAAAAAAAAAAAAAAAAAAAAA", bearer, ""),
		"forwarded_headers":      exchange(t, http.MethodGet, internal+"/auth/nginx", "", "X-Wsticket-Key", chatKey),
		"query":                  exchange(t, http.MethodGet, public+"/ws?ticket=x&ticket=y", "", handshake...),
	}
	nothing := []answer{exchange(t, http.MethodGet, public+"/wp-login.php", ""), exchange(t, http.MethodPut, public+"/ws-ticket", "")}
	_ = p.stop(t)
	records := recordsOf(t, file)
	of := func(a answer) (found []ticket.AuditRecord) {
		for _, r := range records {
			if r.RequestID == a.header.Get("X-Request-Id") {
				found = append(found, r)
			}
		}
		return found
	}
	for reason, a := range rows {
		found := of(a)
		if len(found) != 1 || found[0].Reason != reason || found[0].Outcome != "refused" || found[0].Route == "" || found[0].ClientIP == "" || found[0].UserAgent == "" {
			t.Errorf("%s (%d): %+v, want one record of it", reason, a.status, found)
		}
	}
	for _, a := range nothing {
		if found := of(a); len(found) != 0 {
			t.Errorf("%d for nothing that there is: %+v, want no record", a.status, found)
		}
	}
}

// TestRequiredTrail: while the database is away nobody is admitted, in any way; what was
// presented is spent; and when it is back everything is as before.
func TestRequiredTrail(t *testing.T) {
	server, idp := testenv.Postgres(t), newProvider(t)
	url := server.NewDatabase()
	settings := []string{
		"--set", "database.url=" + url, "--set", "database.migrate=true", "--set", "audit.required=true", "--set", "health.ready_requires=database",
		"--set", everyDoor, "--set", "session.cookie=sid", "--set", "session.jwt=true", "--set", "public.trusted_proxies=127.0.0.1",
	}
	config, bearer := idp.config(t, "memory:"), idp.bearer(t, "alice")
	p := startWithKeys(t, config, settings...)
	relaying := startWithKeys(t, config, append(settings, "--set", "ws.upstream=http://127.0.0.1:1")...) // which nobody gets to
	consumed, asked, presented, relayed, said := issue(t, p.public, bearer), issue(t, p.public, bearer), issue(t, p.public, bearer), issue(t, relaying.public, bearer), issue(t, p.public, bearer)
	page := http.Header{"Cookie": {"sid=" + bearer}, "Origin": {pageOrigin}}
	server.Stop()
	unavailable := func(what string, status int, retry string) {
		t.Helper()
		if status != http.StatusServiceUnavailable || retry == "" {
			t.Errorf("%s: %d, Retry-After %q, want 503 and when to try again", what, status, retry)
		}
	}
	a := p.consume(t, chatKey, `{"ticket":"`+consumed.Ticket+`"}`)
	unavailable("consume", a.status, a.header.Get("Retry-After"))
	if a := p.asNginx(t, asked.Ticket, "r-1"); a.status < 400 {
		t.Errorf("nginx is told %d, want a refusal", a.status)
	}
	for what, row := range map[string]struct {
		url    string
		header http.Header
	}{
		"a ticket":         {presented.URL, nil},
		"a relayed ticket": {relayed.URL, nil},
		"a bearer":         {"ws://" + p.public + "/ws", http.Header{"Authorization": {"Bearer " + bearer}}},
		"a session":        {"ws://" + p.public + "/ws", page},
	} {
		_, _, res := dial(t, row.url, &websocket.DialOptions{HTTPHeader: row.header})
		unavailable(what, res.StatusCode, res.Header.Get("Retry-After"))
	}
	for what, token := range map[string]string{"a ticket": said.Ticket, "a bearer": bearer} {
		_, text, err := sayFirst(t.Context(), t, p.public, authMessage(token))
		var answer struct{ Type, Code string }
		if json.Unmarshal([]byte(text), &answer) != nil || answer.Type != "auth_fail" || answer.Code != "unavailable" {
			t.Errorf("%s in a first message: %q, %v, want that it is unavailable", what, text, err)
		}
	}
	if a := send(t, http.MethodGet, "http://"+p.internal+"/readyz", "", ""); a.status != http.StatusServiceUnavailable {
		t.Errorf("readyz = %d, want 503", a.status)
	}
	p.stderr.WaitFor(t, "audit: the database does not take events")
	server.Start()
	p.stderr.WaitFor(t, "audit: the database takes events again")
	for what, got := range map[string]issued{"consumed": consumed, "asked": asked, "presented": presented, "said": said} {
		if a := p.consume(t, chatKey, `{"ticket":"`+got.Ticket+`"}`); a.body != `{"active":false}` {
			t.Errorf("the ticket that was %s: %d %s, want it to be spent", what, a.status, a.body)
		}
	}
	fresh := issue(t, p.public, bearer)
	if a := p.consume(t, chatKey, `{"ticket":"`+fresh.Ticket+`"}`); a.status != http.StatusOK || !strings.Contains(a.body, fresh.TicketID) {
		t.Errorf("afterwards: %d %s, want it to be redeemed", a.status, a.body)
	}
	if n := server.Exec(url, "SELECT count(*) FROM audit_events WHERE event = 'redeem' AND ticket_id = '"+fresh.TicketID+"'"); n != "1" {
		t.Errorf("the redemption is stored %s times, want once", n)
	}
	conn, _, _ := dial(t, "ws://"+p.public+"/ws", &websocket.DialOptions{HTTPHeader: page})
	if n := server.Exec(url, "SELECT count(*) FROM audit_events WHERE event = 'admit'"); n != "1" || conn == nil {
		t.Errorf("the admission is stored %s times, want once", n)
	}
}
