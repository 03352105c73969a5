package gate_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
)

// The T rows: malformed tickets never reach the store.
func TestTicketGrammar(t *testing.T) {
	j := newJudge(t, nil)
	tests := []row{
		{"T1 an empty ticket", test.Handshake("GET /ws?ticket= HTTP/1.1"), 401, wrong, false},
		{"T1 an empty ticket in the subprotocol", test.Handshake(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket."), 401, wrong, false},
		{"T2 too short", test.Handshake("GET /ws?ticket=wst1_" + marker + " HTTP/1.1"), 401, wrong, false},
		{"T3 the other base64 alphabet", test.Handshake("GET /ws?ticket=wst1_+/+/+/+/= HTTP/1.1"), 401, wrong, false},
		{"T6 a blank behind it", test.Handshake("GET /ws?ticket=$T+ HTTP/1.1"), 401, wrong, false},
		{"T6 NUL behind it", test.Handshake("GET /ws?ticket=$T%00 HTTP/1.1"), 400, invalid, false},
		{"T7 a full stop behind it", test.Handshake("GET /ws?ticket=$T. HTTP/1.1"), 401, wrong, false},
		{"T7 a comma behind it, in the header", test.Handshake(plain, "Authorization: Ticket $T,"), 400, invalid, false},
		{"T7 a semicolon behind it", test.Handshake("GET /ws?ticket=$T; HTTP/1.1"), 400, invalid, false},
		{"T9 10 kB", test.Handshake("GET /ws?ticket=" + strings.Repeat("a", 10<<10) + " HTTP/1.1"), 401, wrong, false},
		{"T10 a pattern", test.Handshake("GET /ws?ticket=wst:* HTTP/1.1"), 401, wrong, false},
		{"T22 in the fragment", test.Handshake("GET /ws#ticket=$T HTTP/1.1"), 401, absent, false},
		{"T22 in the path", test.Handshake("GET /ws/ticket=wst1_x HTTP/1.1"), 401, absent, false},
		{"T22 in a cookie", test.Handshake(plain, "Cookie: ticket=$T"), 401, absent, false},
		{"T22 in a body", test.Handshake(plain, "Content-Length: 54", "Content-Type: text/plain") + "$T", 400, invalid, false},
		{"T13 a ticket, once", test.Handshake(query), switching, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) { j.check(t, tt) })
	}
}

// The P rows: exactly one credential.
func TestCredentials(t *testing.T) {
	j := newJudge(t, nil)
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(marker))
	tests := []row{
		{"no credential", test.Handshake(plain), 401, absent, false},
		{"a bearer", test.Handshake(plain, "Authorization: Bearer "+goodBearer), switching, "", false},
		{"a ticket in the header", test.Handshake(plain, "Authorization: Ticket $T"), switching, "", true},
		{"a ticket in the subprotocol", test.Handshake(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"), switching, "", true},
		{"P2 a cookie is no credential here", test.Handshake(query, "Cookie: session="+marker), switching, "", true},
		{"P3 two Authorization headers", test.Handshake(plain, "Authorization: Ticket $T", "+Authorization: Bearer "+goodBearer), 400, invalid, false},
		{"P3 the same one twice", test.Handshake(plain, "Authorization: Ticket $T", "+Authorization: Ticket $T"), 400, invalid, false},
		{"a scheme that is not ours beside one that is", test.Handshake(plain, basic, "+Authorization: Ticket $T"), switching, "", true},
		{"Basic, which a browser sends unasked, beside a ticket", test.Handshake(query, basic), switching, "", true},
		{"Negotiate", test.Handshake(query, "Authorization: Negotiate YII="), switching, "", true},
		{"Digest", test.Handshake(query, `Authorization: Digest username="x", nonce="y"`), switching, "", true},
		{"Basic beside a ticket in the subprotocol", test.Handshake(plain, basic, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"), switching, "", true},
		{"a bearer beside a ticket, both of which are explicit", test.Handshake(query, "Authorization: Bearer "+goodBearer), 400, invalid, false},
		{"a malformed bearer beside a ticket", test.Handshake(query, "Authorization: Bearer"), 400, invalid, false},
		{"P4 Bearer alone", test.Handshake(plain, "Authorization: Bearer"), 400, invalid, false},
		{"P4 Ticket alone", test.Handshake(plain, "Authorization: Ticket"), 400, invalid, false},
		{"P4 two blanks", test.Handshake(plain, "Authorization: Ticket  $T"), 400, invalid, false},
		{"P4 a tab", test.Handshake(plain, "Authorization: Ticket\t$T"), 400, invalid, false},
		{"P4 a bearer behind a tab, beside a ticket", test.Handshake(query, "Authorization: Bearer\t"+goodBearer), 400, invalid, false},
		{"P4 schemes have no case (RFC 9110 11.1)", test.Handshake(plain, "Authorization: bearer "+goodBearer), switching, "", false},
		{"P4 that of tickets has none either", test.Handshake(plain, "Authorization: TICKET $T"), switching, "", true},
		{"P4 Basic", test.Handshake(plain, basic), 401, absent, false},
		{"P4 DPoP", test.Handshake(plain, "Authorization: DPoP "+goodBearer), 401, absent, false},
		{"P4 an empty header", test.Handshake(plain, "Authorization:"), 401, absent, false},
		{"P5 a list of two", test.Handshake(plain, "Authorization: Bearer a, Bearer b"), 400, invalid, false},
		{"P5 a parameter", test.Handshake(plain, `Authorization: Ticket token="$T"`), 400, invalid, false},
		{"P6 a bearer in access_token", test.Handshake("GET /ws?access_token=" + goodBearer + " HTTP/1.1"), 400, inURL, false},
		{"P6 a ticket in token, where that is not its parameter", test.Handshake("GET /ws?token=$T HTTP/1.1"), 400, inURL, false},
		{"P6 a JWT as the ticket", test.Handshake("GET /ws?ticket=" + jwt + " HTTP/1.1"), 400, inURL, false},
		{"a bearer that is not accepted", test.Handshake(plain, "Authorization: Bearer "+marker), 401, "invalid_token", false},
		{"a bearer at its end", test.Handshake(plain, "Authorization: Bearer "+lateBearer), 401, "invalid_token", false},
		{"a bearer while the keys are away", test.Handshake(plain, "Authorization: Bearer "+deadBearer), 503, "unavailable", false},
		{"a ticket as bearer is no ticket", test.Handshake(plain, "Authorization: Bearer $T"), 401, "invalid_token", false},
		{"H22 two tickets in the subprotocol", test.Handshake(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T, ticket.x"), 400, invalid, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) { j.check(t, tt) })
	}
}

// A parameter that is called token accepts a ticket, and still no JWT.
func TestTicketParameterToken(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.TicketParameter = "token" })
	for _, tt := range []row{
		{"a JWT", "token=" + jwt, 400, inURL, false},
		{"access_token", "access_token=$T", 400, inURL, false},
		{"another case", "Token=$T", 400, invalid, false},
		{"the usual name", "ticket=$T", 401, absent, false},
		{"a ticket", "token=$T", switching, "", true},
	} {
		tt.request = test.Handshake("GET /ws?" + tt.request + " HTTP/1.1")
		t.Run(tt.rule, func(t *testing.T) { j.check(t, tt) })
	}
}
