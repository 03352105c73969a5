package ticket_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"wsticket/ticket"
)

// TestAuditRecordSaysWhoWhatAndWhere (ASVS 16.2.1) has an event with everything that a
// record keeps.
func TestAuditRecordSaysWhoWhatAndWhere(t *testing.T) {
	at := time.Date(2026, 11, 29, 15, 0, 0, 123_456_789, time.FixedZone("east", 3600))
	e := ticket.Event{
		Kind: ticket.EventRedeem, Action: ticket.ActionRedeem, Duration: 1500 * time.Microsecond, TicketID: "one", Reason: "ok",
		Request: ticket.RequestInfo{
			ID: "r-1", Caller: "key:chat", ClientIP: netip.MustParseAddr("192.0.2.1"), Route: "/consume",
			UserAgent: "Mozilla/5.0\x1b[31m", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		},
		Identity:     ticket.Identity{Issuer: "https://id.example.com", Subject: "alice", SessionID: "s", TokenID: "t", ClientID: "page"},
		Presentation: ticket.Presentation{Door: ticket.DoorQuery, Audience: "chat", Origin: "https://app.example.com", ClientIP: netip.MustParseAddr("192.0.2.2"), Attempt: "a"},
	}
	want := ticket.AuditRecord{
		At: time.Date(2026, 11, 29, 14, 0, 0, 123_000_000, time.UTC), Event: ticket.EventRedeem, Action: ticket.ActionRedeem,
		Outcome: "redeemed", Reason: "ok", Issuer: "https://id.example.com", Subject: "alice", SessionID: "s", TokenID: "t", ClientID: "page",
		TicketID: "one", Audience: "chat", Door: ticket.DoorQuery, Origin: "https://app.example.com", ClientIP: "192.0.2.2",
		UserAgent: `Mozilla/5.0\x1b[31m`, Route: "/consume", RequestID: "r-1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Caller: "key:chat", DurationMS: 1,
	}
	if got := ticket.NewAuditRecord(&e, at); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAuditRecordHasTheDetailsOfItsKind(t *testing.T) {
	at := time.Date(2026, 11, 29, 15, 0, 0, 0, time.UTC)
	spent := &ticket.SpentError{Mark: ticket.Mark{State: ticket.Redeemed, At: at, Attempt: "first"}}
	for rule, row := range map[string]struct {
		event   ticket.Event
		outcome string
		want    map[string]string
	}{
		"a replay has both attempts": {
			ticket.Event{Kind: ticket.EventReplay, Err: spent, Presentation: ticket.Presentation{Attempt: "second"}},
			"refused",
			map[string]string{"state": "redeemed", "spent_at": "2026-11-29T15:00:00Z", "spent_by_attempt": "first", "attempt": "second"},
		},
		"a retry has its attempt": {
			ticket.Event{Kind: ticket.EventRedeem, Retried: true, Presentation: ticket.Presentation{Attempt: "first"}},
			"retried",
			map[string]string{"attempt": "first"},
		},
		"a revocation says what and why": {
			ticket.Event{Kind: ticket.EventRevoke, Revocation: &ticket.Revocation{
				ID: "v", Selector: ticket.Selector{Issuer: "i", Subject: "s"}, Before: at, Action: ticket.RevokeEnd, Source: "api", Reason: "left\nus",
			}},
			"revoked",
			map[string]string{"revocation": "v", "by": "sub", "action": "end", "source": "api", "why": `left\nus`, "before": "2026-11-29T15:00:00Z"},
		},
		"a disconnect counts what was relayed": {
			ticket.Event{Kind: ticket.EventDisconnect, Closed: ticket.Closed{
				Code: 1002, By: ticket.ByServer, Fault: "mask", FaultBy: ticket.ByClient, Relayed: true,
				FromClient: ticket.Traffic{Messages: 3, Bytes: 96}, FromUpstream: ticket.Traffic{Messages: 2, Bytes: 61},
			}},
			"closed",
			map[string]string{"fault": "mask", "fault_by": "client", "client_messages": "3", "client_bytes": "96", "upstream_messages": "2", "upstream_bytes": "61"},
		},
		"a refusal has what did not fit, and not what would have": {
			ticket.Event{Kind: ticket.EventRefuse, Err: ticket.ErrWrongOrigin, AfterUpgrade: true, Attrs: []slog.Attr{
				slog.String("origin", "https://evil.example\x00"), slog.Time("iat", at), slog.Any("missing", []string{"a\u202e", "b"}), ticket.Expected("https://app.example.com"),
			}},
			"refused",
			map[string]string{"origin": `https://evil.example\x00`, "iat": "2026-11-29T15:00:00Z", "missing": `[a\u202e b]`, "after_upgrade": "true"},
		},
		"what could not be answered is no refusal": {ticket.Event{Kind: ticket.EventRefuse, Err: ticket.ErrUnavailable}, "error", nil},
		"nor is a revocation that only works here": {ticket.Event{Kind: ticket.EventRevoke, Err: ticket.ErrUnavailable}, "error", nil},
		"an issue":                        {ticket.Event{Kind: ticket.EventIssue}, "issued", nil},
		"a redemption":                    {ticket.Event{Kind: ticket.EventRedeem}, "redeemed", nil},
		"an admission":                    {ticket.Event{Kind: ticket.EventAdmit}, "admitted", nil},
		"a renewal":                       {ticket.Event{Kind: ticket.EventRenew}, "renewed", nil},
		"an outcome of its own":           {ticket.Event{Kind: ticket.EventTripwire, Outcome: "ended"}, "ended", nil},
		"a kind that has none":            {ticket.Event{Kind: ticket.EventConnect}, "", nil},
		"a limit":                         {ticket.Event{Kind: ticket.EventLimit, Err: errors.New("too many")}, "refused", nil},
		"a ticket from before a failover": {ticket.Event{Kind: ticket.EventFence, Err: ticket.ErrFenced}, "refused", nil},
	} {
		got := ticket.NewAuditRecord(&row.event, at)
		if got.Outcome != row.outcome || !reflect.DeepEqual(got.Details, row.want) {
			t.Errorf("%s: got %q %v, want %q %v", rule, got.Outcome, got.Details, row.outcome, row.want)
		}
	}
}

// TestAuditRecordIsBounded has what a stranger may make as long as it likes.
func TestAuditRecordIsBounded(t *testing.T) {
	long := strings.Repeat("é", 4096)
	var attrs []slog.Attr
	for n := range 100 {
		attrs = append(attrs, slog.String(string(rune('a'+n)), long))
	}
	e := ticket.Event{Kind: ticket.EventRefuse, Request: ticket.RequestInfo{UserAgent: long}, Attrs: attrs}
	r := ticket.NewAuditRecord(&e, time.Now())
	if n := len(r.UserAgent); n > 256 || n < 250 || !utf8.ValidString(r.UserAgent) {
		t.Errorf("a User-Agent of %d bytes: %q", n, r.UserAgent)
	}
	if len(r.Details) == 0 || len(r.Details) > 24 {
		t.Errorf("%d details", len(r.Details))
	}
	for name, value := range r.Details {
		if len(value) > 256 {
			t.Errorf("%s has %d bytes", name, len(value))
		}
	}
}

// TestAuditRecordCanBeStored: every text is UTF-8 without a NUL, and no longer than an index
// of PostgreSQL takes, whoever has said it.
func TestAuditRecordCanBeStored(t *testing.T) {
	odd := "\x00\xff\u202e" + strings.Repeat("\xfe", 9000)
	e := ticket.Event{
		Kind: ticket.EventRefuse, TicketID: ticket.ID(odd), Reason: odd,
		Identity:     ticket.Identity{Issuer: odd, Subject: odd, SessionID: odd, ClientID: odd, TokenID: odd},
		Presentation: ticket.Presentation{Audience: odd, Origin: odd},
		Request:      ticket.RequestInfo{ID: odd, Caller: odd, Route: odd, UserAgent: odd, TraceID: odd},
	}
	r := reflect.ValueOf(ticket.NewAuditRecord(&e, time.Now()))
	for i := range r.NumField() {
		text := r.Field(i).String()
		if r.Field(i).Kind() == reflect.String && (len(text) > 2100 || !utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
			t.Errorf("%s: %.40q… of %d bytes", r.Type().Field(i).Name, text, len(text))
		}
	}
	if got := r.FieldByName("Subject").String(); got != ticket.AuditText(odd) || ticket.AuditText(got[:400]) != got[:400] {
		t.Errorf("subject %.40q…, want what a search looks for", got)
	}
}

// TestAuditRecordHidesCredentials (ASVS 16.2.5) has them where only a stranger puts them.
func TestAuditRecordHidesCredentials(t *testing.T) {
	token := readVectors(t).Valid[0].Token
	for _, secret := range []string{token, "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln"} {
		e := ticket.Event{Kind: ticket.EventRefuse, Request: ticket.RequestInfo{UserAgent: "x " + secret}, Presentation: ticket.Presentation{Origin: "https://" + secret}}
		if r := ticket.NewAuditRecord(&e, time.Now()); strings.Contains(r.UserAgent+r.Origin, secret) {
			t.Errorf("%q stands in %+v", secret, r)
		}
	}
}

func TestAudited(t *testing.T) {
	for _, row := range []struct {
		event ticket.Event
		want  bool
	}{
		{ticket.Event{Kind: ticket.EventRequest}, false},
		{ticket.Event{Kind: ticket.EventRecheck, Outcome: "kept"}, false},
		{ticket.Event{Kind: ticket.EventRecheck, Outcome: "over"}, true},
		{ticket.Event{Kind: ticket.EventRefuse}, true},
	} {
		if got := row.event.Audited(); got != row.want {
			t.Errorf("%s %s: got %v, want %v", row.event.Kind, row.event.Outcome, got, row.want)
		}
	}
}
