package ticket_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

// TestLogSink has the keys of each line, which operators search for.
func TestLogSink(t *testing.T) {
	at := time.Date(2026, time.November, 22, 15, 0, 0, 0, time.UTC)
	happened := func(kind ticket.EventKind, change func(*ticket.Event)) ticket.Event {
		e := ticket.Event{
			Kind: kind, At: at, Duration: time.Second, TicketID: "id",
			Request:      ticket.RequestInfo{ID: "r", Caller: "key:chat", ClientIP: netip.MustParseAddr("192.0.2.1")},
			Presentation: ticket.Presentation{Door: ticket.DoorQuery, ClientIP: netip.MustParseAddr("192.0.2.2"), Attempt: "a"},
		}
		change(&e)
		return e
	}
	const about = `"request_id":"r","caller":"key:chat","ticket_id":"id","door":"query","client_ip":"192.0.2.2"`
	tests := []struct {
		name  string
		event ticket.Event
		want  string // without time; empty for no line
	}{
		{"a request", happened(ticket.EventRequest, func(e *ticket.Event) {
			e.HTTP = ticket.HTTPAnswer{Method: "GET", Path: "/ws", Route: "/ws", Status: 401}
			e.Outcome, e.Reason = "refused", "spent"
		}), `"level":"INFO","msg":"request","method":"GET","path":"/ws","status":401,"took":1000000000,"request_id":"r","client_ip":"192.0.2.1",` +
			`"caller":"key:chat","ticket_id":"id","door":"query","outcome":"refused","reason":"spent"`},
		{"a replay", happened(ticket.EventReplay, func(e *ticket.Event) {
			e.Err = &ticket.SpentError{Mark: ticket.Mark{State: ticket.Redeemed, At: at, Attempt: "b"}}
		}), `"level":"WARN","msg":"replay",` + about + `,"attempt":"a","state":"redeemed","spent_at":"2026-11-22T15:00:00Z","spent_by_attempt":"b"`},
		{"a retry", happened(ticket.EventRedeem, func(e *ticket.Event) { e.Retried = true }), `"level":"INFO","msg":"retry",` + about + `,"attempt":"a"`},
		{"a first redemption", happened(ticket.EventRedeem, func(*ticket.Event) {}), ""},
		{"a connection", happened(ticket.EventConnect, func(*ticket.Event) {}), ""},
		{"a refusal after the 101", happened(ticket.EventRefuse, func(e *ticket.Event) {
			e.AfterUpgrade, e.Outcome, e.Reason = true, "refused", "not_found"
		}), `"level":"INFO","msg":"handshake settled",` + about + `,"outcome":"refused","reason":"not_found"`},
		{"the end of a connection in this process", happened(ticket.EventDisconnect, func(e *ticket.Event) {
			e.Closed = ticket.Closed{Code: 1000, By: ticket.ByClient}
		}), `"level":"INFO","msg":"connection closed",` + about + `,"duration":1000000000,"close_code":1000,"by":"client"`},
		{"the end of a relayed one", happened(ticket.EventDisconnect, func(e *ticket.Event) {
			e.Closed = ticket.Closed{
				Code: 1001, By: ticket.ByServer, Relayed: true,
				FromClient: ticket.Traffic{Messages: 1, Bytes: 10}, FromUpstream: ticket.Traffic{Messages: 2, Bytes: 20},
			}
		}), `"level":"INFO","msg":"connection closed",` + about + `,"duration":1000000000,"close_code":1001,"by":"relay",` +
			`"from_client":{"messages":1,"bytes":10},"from_upstream":{"messages":2,"bytes":20}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			ticket.LogSink(slog.New(slog.NewJSONHandler(&out, nil)))(t.Context(), tt.event)
			got := strings.TrimSuffix(out.String(), "}\n")
			if _, rest, ok := strings.Cut(got, `",`); ok {
				got = rest // after the time
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
