package api_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

// trail is a function as an api.AuditTrail.
type trail func(q ticket.AuditQuery) (ticket.AuditPage, error)

func (f trail) Search(_ context.Context, q ticket.AuditQuery) (ticket.AuditPage, error) { return f(q) }

// withTrail returns a house with a trail that has one record of everything, and where
// its last query is kept.
func withTrail(t *testing.T) (*house, *ticket.AuditQuery) {
	t.Helper()
	asked := new(ticket.AuditQuery)
	return newHouse(t, func(o *parts) {
		o.Trail = trail(func(q ticket.AuditQuery) (ticket.AuditPage, error) {
			*asked = q
			if q.Cursor == "invented" {
				return ticket.AuditPage{}, fmt.Errorf("search: %w", ticket.ErrInvalidRequest)
			}
			if q.Subject == "nobody" {
				return ticket.AuditPage{}, nil
			}
			return ticket.AuditPage{Cursor: "next", Records: []ticket.AuditRecord{{
				Instance: "p1", Seq: 7, At: noon(), Event: ticket.EventDisconnect, Action: ticket.ActionHandshake, Outcome: "closed", Reason: "ok",
				Issuer: "https://id.example.com", Subject: "alice", SessionID: "s", ClientID: "c", TokenID: "j", TicketID: idA, Audience: "chat",
				Door: ticket.DoorQuery, Origin: page, ClientIP: "192.0.2.7", UserAgent: "curl", Route: "/ws", RequestID: "r", TraceID: "0", Caller: "key:a", Fence: "f",
				CloseCode: 1000, ClosedBy: ticket.ByClient, DurationMS: 1500, Details: map[string]string{"a": "b"}, Hash: []byte{1, 2, 3},
			}}}, nil
		})
	}), asked
}

func TestAudit(t *testing.T) {
	t.Parallel()
	h, asked := withTrail(t)
	w := h.keyed(t, http.MethodGet, "/audit?sub=alice&ticket_id="+idA+"&event=connect&since=24h&limit=1000&cursor=c", "read-key")
	want := `{"records":[{"instance":"p1","seq":7,"at":"2026-11-23T12:00:00Z","event":"disconnect","action":"handshake","outcome":"closed","reason":"ok",` +
		`"iss":"https://id.example.com","sub":"alice","sid":"s","client_id":"c","jti":"j","ticket_id":"` + idA + `","audience":"chat",` +
		`"door":"query","origin":"` + page + `","client_ip":"192.0.2.7","user_agent":"curl","route":"/ws","request_id":"r","trace_id":"0","caller":"key:a","fence":"f",` +
		`"close_code":1000,"closed_by":"client","duration_ms":1500,"details":{"a":"b"},"hash":"AQID"}],"cursor":"next"}`
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("got %d %s, want %s", w.Code, w.Body, want)
	}
	all := ticket.AuditQuery{
		Subject: "alice", TicketID: idA, Event: ticket.EventConnect, Since: noon().Add(-24 * time.Hour), Limit: 1000, Cursor: "c", Newest: true,
	}
	if *asked != all {
		t.Errorf("asked for %+v, want %+v", *asked, all)
	}
	h.keyed(t, http.MethodGet, "/audit", "every-key")
	if want := (ticket.AuditQuery{Limit: 100, Newest: true}); *asked != want {
		t.Errorf("without parameters: asked for %+v, want %+v", *asked, want)
	}
	h.keyed(t, http.MethodGet, "/audit?since=2026-11-23T13:00:00%2B01:00", "read-key")
	if !asked.Since.Equal(noon()) {
		t.Errorf("since: asked for %v, want noon", asked.Since)
	}
	if w := h.keyed(t, http.MethodGet, "/audit?sub=nobody", "read-key"); w.Code != 200 || w.Body.String() != `{"records":[]}` {
		t.Errorf("nobody: got %d %s, want no records", w.Code, w.Body)
	}
}

// What is refused says which parameter it is, unless the caller may not ask.
func TestAuditRefusals(t *testing.T) {
	t.Parallel()
	h, _ := withTrail(t)
	for _, row := range []struct {
		query, key string
		status     int
		code, says string
	}{
		{"?sub=", "read-key", 400, "invalid_request", "sub: "},
		{"?sub=a&sub=b", "read-key", 400, "invalid_request", "sub: "},
		{"?sub=a%00", "read-key", 400, "invalid_request", "sub: "},
		{"?ticket_id=x", "read-key", 400, "invalid_request", "ticket_id: "},
		{"?event=request", "read-key", 400, "invalid_request", "event: "},
		{"?event=conect", "read-key", 400, "invalid_request", "event: must be one of issue, redeem, "},
		{"?since=yesterday", "read-key", 400, "invalid_request", "since: "},
		{"?since=-1h", "read-key", 400, "invalid_request", "since: "},
		{"?since=2026-11-23T13:00:00+01:00", "read-key", 400, "invalid_request", "%2B"},
		{"?limit=0", "read-key", 400, "invalid_request", "limit: "},
		{"?limit=1001", "read-key", 400, "invalid_request", "limit: "},
		{"?limit=all", "read-key", 400, "invalid_request", "limit: "},
		{"?cursor=", "read-key", 400, "invalid_request", "cursor: "},
		{"?cursor=invented", "read-key", 400, "invalid_request", "cursor: "},
		{"?subject=alice", "read-key", 400, "invalid_request", "known are sub, ticket_id, event, since, limit and cursor"},
		{"?sub=%zz", "read-key", 400, "invalid_request", "query: "},
		{"?sub=" + jwt, "read-key", 400, "credential_in_url", ""},
		{"?ticket_id=" + unknownToken, "read-key", 400, "credential_in_url", ""},
		{"?key=x", "read-key", 400, "credential_in_url", ""},
		{"", "revoke-key", 403, "insufficient_scope", "scope read"},
		{"", "ops-key", 403, "insufficient_scope", "audiences"},
		{"", "unknown-key", 401, "invalid_token", ""},
	} {
		w := h.keyed(t, http.MethodGet, "/audit"+row.query, row.key)
		expect(t, row.query+" "+row.key, w, row.status, row.code)
		if detail := detailOf(w); !strings.Contains(detail, row.says) {
			t.Errorf("%s: got the detail %q, want %q in it", row.query, detail, row.says)
		}
	}
	expect(t, "no key", h.internal(t, newRequest(t, http.MethodGet, "/audit", "")), 401, "missing_credential")
	expect(t, "in public", h.public(t, newRequest(t, http.MethodGet, "/audit", "")), 404, "not_found")
	expect(t, "another method", h.keyed(t, http.MethodPost, "/audit", "read-key"), 405, "method_not_allowed")
}

func TestAuditWithoutATrail(t *testing.T) {
	t.Parallel()
	w := newHouse(t, nil).keyed(t, http.MethodGet, "/audit", "read-key")
	expect(t, "no database", w, 404, "not_found")
	if detail := detailOf(w); !strings.Contains(detail, "database.url") {
		t.Errorf("got the detail %q, want the key that is missing", detail)
	}
	h := newHouse(t, func(o *parts) {
		o.Trail = trail(func(ticket.AuditQuery) (ticket.AuditPage, error) { return ticket.AuditPage{}, context.DeadlineExceeded })
	})
	expect(t, "a database that does not answer", h.keyed(t, http.MethodGet, "/audit", "read-key"), 503, "unavailable")
	if w := h.keyed(t, http.MethodGet, "/ops/access", "read-key"); !strings.Contains(w.Body.String(), `"trail":true`) {
		t.Errorf("access: got %s, want that there is a trail", w.Body)
	}
}

// Every kind of event that is kept can be asked for, and the document has all of them.
func TestAuditKnowsEveryEvent(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../ticket/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "EventKind" {
				constants++
			}
		}
		return true
	})
	var kinds []any
	for _, kind := range ticket.AuditKinds() {
		kinds = append(kinds, string(kind))
	}
	if len(kinds) != constants-1 || slices.Contains(ticket.AuditKinds(), ticket.EventRequest) {
		t.Errorf("got %d kinds of %d constants, want all but request", len(kinds), constants)
	}
	if got := loadDocument(t).Components.Schemas["EventKind"].Value.Enum; !slices.Equal(got, kinds) {
		t.Errorf("the document has %v, want %v", got, kinds)
	}
}
