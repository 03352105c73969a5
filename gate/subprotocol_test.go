package gate_test

import (
	"strings"
	"testing"

	"wsticket/internal/test"
)

// The rows on Sec-WebSocket-Protocol; the judge serves app.v1 and app.v2.
func TestSubprotocol(t *testing.T) {
	j := newJudge(t, nil)
	tests := []struct {
		rule, offer string
		status      int
		chosen      string
	}{
		{"our own is answered", "wsticket.v1, ticket.$T", 101, "wsticket.v1"},
		{"in any order", "ticket.$T, wsticket.v1", 101, "wsticket.v1"},
		{"without blanks", "wsticket.v1,ticket.$T", 101, "wsticket.v1"},
		{"H21 the application's alone", "app.v1, ticket.$T", 101, "app.v1"},
		{"the application's goes before our own", "wsticket.v1, ticket.$T, app.v1", 101, "app.v1"},
		{"the client's order decides (RFC 6455 4.1)", "app.v2, app.v1, ticket.$T", 101, "app.v2"},
		{"what nobody serves is passed over", "other, wsticket.v1, ticket.$T", 101, "wsticket.v1"},
		{"H20 a ticket alone: a browser would fail without an answer", "ticket.$T", 400, ""},
		{"H20 with a protocol that nobody serves", "other, ticket.$T", 400, ""},
		{"matching is exact", "APP.v1, ticket.$T", 400, ""},
		{"that of our own likewise", "WSTICKET.v1, app.v1, ticket.$T", 400, ""},
		{"H22 two tickets", "wsticket.v1, ticket.$T, ticket.$Tx", 400, ""},
		{"H22 the same one twice", "wsticket.v1, ticket.$T, ticket.$T", 400, ""},
		{"H23 a duplicate", "app.v1, app.v1, ticket.$T", 400, ""},
		{"H23 a duplicate but for its case", "app.v1, App.v1, ticket.$T", 400, ""},
		{"a ticket in another case is none, and no protocol either", "wsticket.v1, Ticket.$T", 400, ""},
		{"H24 a blank within", "a b, wsticket.v1, ticket.$T", 400, ""},
		{"H24 no token", "a=, wsticket.v1, ticket.$T", 400, ""},
		{"empty entries mean nothing (RFC 9110 5.6.1.2)", ",wsticket.v1,, ticket.$T ,", 101, "wsticket.v1"},
		{"H24 a hundred entries", "wsticket.v1, ticket.$T" + numbered(98), 400, ""},
		{"H24 entries of 5 kB", "wsticket.v1, ticket.$T, " + strings.Repeat("a", 5000), 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			code := ""
			if tt.status == 400 {
				code = invalid
			}
			got := j.check(t, row{"", test.Handshake(plain, "Sec-WebSocket-Protocol: "+tt.offer), tt.status, code, tt.status == 101})
			if tt.status == switching && got.Subprotocol != tt.chosen {
				t.Errorf("answered %q, want %q", got.Subprotocol, tt.chosen)
			}
		})
	}
	t.Run("without a ticket the same rule holds", func(t *testing.T) {
		j.check(t, row{"", test.Handshake(query, "Sec-WebSocket-Protocol: other"), 400, invalid, false})
	})
	t.Run("an empty header is no offer", func(t *testing.T) {
		j.check(t, row{"", test.Handshake(query, "Sec-WebSocket-Protocol:"), 101, "", true})
	})
	t.Run("over two lines", func(t *testing.T) {
		j.check(t, row{"", test.Handshake(plain, "Sec-WebSocket-Protocol: wsticket.v1", "+Sec-WebSocket-Protocol: ticket.$T"), 101, "", true})
	})
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(", p" + string(rune('A'+i/26)) + string(rune('A'+i%26)))
	}
	return b.String()
}
