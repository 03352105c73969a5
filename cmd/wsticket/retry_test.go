package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestRetriesAreSeen: an attempt that is admitted again is a line in the log and
// counted, in every way in. Operators see a proxy that asks twice.
func TestRetriesAreSeen(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	bearer := idp.bearer(t, "alice")
	p := startWithKeys(t, idp.config(t, "memory:"))
	count := func(reason string) string {
		return fmt.Sprintf(`wsticket_actions_total{action="redeem",reason=%q} `, reason)
	}
	p.hasMetrics(t, count("retried")+"0\n")
	n := 0
	for way, row := range map[string]struct {
		present func(made issued) string // returns what must not be a refusal
		admits  string
		log     []string
	}{
		"ws": {func(made issued) string {
			status, err := handshake(t.Context(), p.public, made.Ticket)
			return fmt.Sprint(status, err)
		}, "101 <nil>", []string{`"door":"query"`, `"client_ip":"127.0.0.1"`}},
		"forward auth": {func(made issued) string {
			return fmt.Sprint(p.asNginx(t, made.Ticket, "request-1").status)
		}, "200", []string{`"door":"query"`, `"client_ip":"203.0.113.5"`}},
		"consume": {func(made issued) string {
			body, _, _ := strings.Cut(p.consume(t, chatKey, `{"ticket":"`+made.Ticket+`","attempt":"a","client_ip":"203.0.113.6"}`).body, ",")
			return body
		}, `{"active":true`, []string{`"caller":"key:chat"`, `"client_ip":"203.0.113.6"`}},
	} {
		made := issue(t, p.public, bearer)
		for range 2 {
			if got := row.present(made); got != row.admits {
				t.Errorf("%s: got %s, want %s", way, got, row.admits)
			}
		}
		n++
		p.stderr.WaitFor(t, append(row.log, `"msg":"retry"`, `"level":"INFO"`, `"ticket_id":"`+made.TicketID+`"`, `"request_id":"`, `"attempt":"`)...)
		p.hasMetrics(t, count("ok")+fmt.Sprint(n, "\n"), count("retried")+fmt.Sprint(n, "\n"), count("spent")+"0\n")
	}
}
