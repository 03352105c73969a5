package ws_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"wsticket/ticket"
	"wsticket/ws"
)

const (
	jwt    = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.MARKER-7f3a"
	inURL  = "credential_in_url"
	wrong  = "invalid_ticket"
	absent = "missing_credential"
)

// The T rows: tickets that are none never reach the store.
func TestTicketGrammar(t *testing.T) {
	f := newFixture(t, nil)
	tests := []row{
		{"T1 an empty ticket", request("GET /ws?ticket= HTTP/1.1"), 401, wrong, false},
		{"T1 an empty ticket in the subprotocol", request(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket."), 401, wrong, false},
		{"T2 too short", request("GET /ws?ticket=wst1_" + marker + " HTTP/1.1"), 401, wrong, false},
		{"T2 too long", request("GET /ws?ticket=$Ta HTTP/1.1"), 401, wrong, false},
		{"T3 the other base64 alphabet", request("GET /ws?ticket=wst1_+/+/+/+/= HTTP/1.1"), 401, wrong, false},
		{"T6 a blank behind it", request("GET /ws?ticket=$T+ HTTP/1.1"), 401, wrong, false},
		{"T6 NUL behind it", request("GET /ws?ticket=$T%00 HTTP/1.1"), 400, invalid, false},
		{"T6 a line break behind it", request("GET /ws?ticket=$T%0d%0a HTTP/1.1"), 400, invalid, false},
		{"T7 a full stop behind it", request("GET /ws?ticket=$T. HTTP/1.1"), 401, wrong, false},
		{"T7 a comma behind it", request("GET /ws?ticket=$T, HTTP/1.1"), 401, wrong, false},
		{"T7 a comma behind it, in the header", request(plain, "Authorization: Ticket $T,"), 400, invalid, false},
		{"T7 a semicolon behind it", request("GET /ws?ticket=$T; HTTP/1.1"), 400, invalid, false},
		{"T8 look-alikes, in bytes", request("GET /ws?ticket=ｗst1_ HTTP/1.1"), 401, wrong, false},
		{"T9 10 kB", request("GET /ws?ticket=" + strings.Repeat("a", 10<<10) + " HTTP/1.1"), 401, wrong, false},
		{"T9 64 kB: net/http refuses", request("GET /ws?ticket=" + strings.Repeat("a", 64<<10) + " HTTP/1.1"), 431, "", false},
		{"T10 a pattern", request("GET /ws?ticket=wst:* HTTP/1.1"), 401, wrong, false},
		{"T11 a hash tag of Redis", request("GET /ws?ticket={wst1_} HTTP/1.1"), 401, wrong, false},
		{"T17 the parameter twice", request("GET /ws?ticket=$T&ticket=$T HTTP/1.1"), 400, invalid, false},
		{"T18 twice with a semicolon", request("GET /ws?ticket=$T;ticket=$T HTTP/1.1"), 400, invalid, false},
		{"T19 another case", request("GET /ws?Ticket=$T HTTP/1.1"), 400, invalid, false},
		{"T20 an escape in the name", request("GET /ws?tick%65t=$T HTTP/1.1"), 400, invalid, false},
		{"T21 an escape that is none", request("GET /ws?ticket=$T%zz HTTP/1.1"), 400, invalid, false},
		{"T22 in the fragment", request("GET /ws#ticket=$T HTTP/1.1"), 401, absent, false},
		{"T22 in the path", request("GET /ws/ticket=wst1_x HTTP/1.1"), 401, absent, false},
		{"T22 in a cookie", request(plain, "Cookie: ticket=$T"), 401, absent, false},
		{"T22 in a header of its own", request(plain, "X-Ticket: $T"), 401, absent, false},
		{"T22 in a body", request(plain, "Content-Length: 54", "Content-Type: text/plain") + "$T", 400, invalid, false},
		{"T13 a ticket, once", request(query), switching, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) { f.check(t, tt) })
	}
}

// Other spellings of a good ticket are no ticket, and do not burn it.
func TestOtherSpellingsOfATicket(t *testing.T) {
	f := newFixture(t, nil)
	const spare = len("wst1_") + 42 // the last character of the base64 part
	tests := []struct {
		rule   string
		spell  func(token string, id ticket.ID) string
		status int
		code   string
	}{
		{"T4 an escape", func(s string, _ ticket.ID) string { return "%77" + s[1:] }, 400, invalid},
		{"T5 an upper-case prefix", func(s string, _ ticket.ID) string { return "WST1_" + s[5:] }, 401, wrong},
		{"T5 all in upper case", func(s string, _ ticket.ID) string { return strings.ToUpper(s) }, 401, wrong},
		{"T16 other spare bits", func(s string, _ ticket.ID) string { return s[:spare] + string(s[spare]+1) + s[spare+1:] }, 401, wrong},
		{"without the checksum", func(s string, _ ticket.ID) string { return s[:spare+1] }, 401, wrong},
		{"T23 the public ID", func(_ string, id ticket.ID) string { return string(id) }, 401, wrong},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			issued := f.issue(nil)
			token := issued.Token.Reveal()
			got := f.send(t, request("GET /ws?ticket="+tt.spell(token, issued.ID)+" HTTP/1.1"))
			if got.StatusCode != tt.status || problemCode(got.body) != tt.code {
				t.Errorf("answer %d %q, want %d %q", got.StatusCode, got.body, tt.status, tt.code)
			}
			if again := f.send(t, request("GET /ws?ticket="+token+" HTTP/1.1")); again.StatusCode != switching {
				t.Errorf("the ticket itself: status %d, want 101", again.StatusCode)
			}
		})
	}
}

// The P rows: exactly one credential.
func TestCredentials(t *testing.T) {
	f := newFixture(t, nil)
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(marker))
	tests := []row{
		{"no credential", request(plain), 401, absent, false},
		{"a bearer", request(plain, "Authorization: Bearer "+goodBearer), switching, "", false},
		{"a ticket in the header", request(plain, "Authorization: Ticket $T"), switching, "", true},
		{"a ticket in the subprotocol", request(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"), switching, "", true},
		{"P2 a cookie is no credential here", request(query, "Cookie: session="+marker), switching, "", true},
		{"P3 two Authorization headers", request(plain, "Authorization: Ticket $T", "+Authorization: Bearer "+goodBearer), 400, invalid, false},
		{"P3 the same one twice", request(plain, "Authorization: Ticket $T", "+Authorization: Ticket $T"), 400, invalid, false},
		{"P3 a scheme that we do not know beside one that we do", request(plain, basic, "+Authorization: Ticket $T"), 400, invalid, false},
		{"P4 Bearer alone", request(plain, "Authorization: Bearer"), 400, invalid, false},
		{"P4 Ticket alone", request(plain, "Authorization: Ticket"), 400, invalid, false},
		{"P4 two blanks", request(plain, "Authorization: Ticket  $T"), 400, invalid, false},
		{"P4 a tab", request(plain, "Authorization: Ticket\t$T"), 401, absent, false},
		{"P4 schemes have no case (RFC 9110 11.1)", request(plain, "Authorization: bearer "+goodBearer), switching, "", false},
		{"P4 that of tickets has none either", request(plain, "Authorization: TICKET $T"), switching, "", true},
		{"P4 Basic", request(plain, basic), 401, absent, false},
		{"P4 DPoP", request(plain, "Authorization: DPoP "+goodBearer), 401, absent, false},
		{"P4 an empty header", request(plain, "Authorization:"), 401, absent, false},
		{"P5 a list of two", request(plain, "Authorization: Bearer a, Bearer b"), 400, invalid, false},
		{"P5 a parameter", request(plain, `Authorization: Ticket token="$T"`), 400, invalid, false},
		{"P6 a bearer in access_token", request("GET /ws?access_token=" + goodBearer + " HTTP/1.1"), 400, inURL, false},
		{"P6 a bearer in token", request("GET /ws?token=" + jwt + " HTTP/1.1"), 400, inURL, false},
		{"P6 a ticket in token, where that is not its parameter", request("GET /ws?token=$T HTTP/1.1"), 400, inURL, false},
		{"P6 a JWT as the ticket", request("GET /ws?ticket=" + jwt + " HTTP/1.1"), 400, inURL, false},
		{"P6 a JWT elsewhere, beside a good ticket", request("GET /ws?ticket=$T&state=" + jwt + " HTTP/1.1"), 400, inURL, false},
		{"P6 an empty access_token beside a good ticket", request("GET /ws?ticket=$T&Access_Token= HTTP/1.1"), 400, inURL, false},
		{"a bearer that is not accepted", request(plain, "Authorization: Bearer "+marker), 401, "invalid_token", false},
		{"a bearer at its end", request(plain, "Authorization: Bearer "+lateBearer), 401, "invalid_token", false},
		{"a bearer while the keys are away", request(plain, "Authorization: Bearer "+deadBearer), 503, "unavailable", false},
		{"a ticket as bearer is no ticket", request(plain, "Authorization: Bearer $T"), 401, "invalid_token", false},
		{"H22 two tickets in the subprotocol", request(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T, ticket.x"), 400, invalid, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) { f.check(t, tt) })
	}
}

// Each way in, beside each other way in, is one too many (RFC 6750 2).
func TestTwoCredentials(t *testing.T) {
	ways := []struct{ name, query, header string }{
		{"query", "?ticket=$T", ""},
		{"subprotocol", "", "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"},
		{"ticket", "", "Authorization: Ticket $T"},
		{"bearer", "", "Authorization: Bearer " + goodBearer},
		{"basic", "", "Authorization: Basic eDp5"},
	}
	for _, doors := range [][]ws.Door{nil, {ws.DoorQuery}, {ws.DoorSubprotocol}, {ws.DoorHeader}} {
		f := newFixture(t, func(o *ws.Options) { o.Doors = doors })
		for i, first := range ways {
			for _, second := range ways[i+1:] {
				var headers []string
				for _, header := range []string{first.header, second.header} {
					if header != "" {
						headers = append(headers, "+"+header)
					}
				}
				text := request("GET /ws"+first.query+" HTTP/1.1", headers...)
				got := f.send(t, strings.ReplaceAll(text, "$T", f.issue(nil).Token.Reveal()))
				if got.StatusCode != 400 || problemCode(got.body) != invalid {
					t.Errorf("doors %q: %s beside %s: %d %q, want 400 %s", doors, first.name, second.name, got.StatusCode, got.body, invalid)
				}
			}
		}
		if f.redeemed.Load() != 0 {
			t.Errorf("doors %q: %d tickets were spent, want none", doors, f.redeemed.Load())
		}
	}
}

// A credential at a closed door is as good as none, and burns nothing.
func TestClosedDoors(t *testing.T) {
	ways := map[ws.Door]string{
		ws.DoorQuery:       request(query),
		ws.DoorSubprotocol: request(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"),
		ws.DoorHeader:      request(plain, "Authorization: Ticket $T"),
	}
	for open := range ways {
		f := newFixture(t, func(o *ws.Options) { o.Doors = []ws.Door{open} })
		for door, text := range ways {
			token := f.issue(nil).Token.Reveal()
			got := f.send(t, strings.ReplaceAll(text, "$T", token))
			if door == open {
				if got.StatusCode != switching {
					t.Errorf("open door %s: status %d, want 101", door, got.StatusCode)
				}
				continue
			}
			if got.StatusCode != 401 || problemCode(got.body) != absent {
				t.Errorf("only %s open, ticket at %s: %d %q, want 401 %s", open, door, got.StatusCode, got.body, absent)
			}
			f.logs.waitFor(t, `"Door":"`+string(door)+`"`, `"Reason":"closed_door"`)
		}
		if f.redeemed.Load() != 1 {
			t.Errorf("only %s open: %d redemptions, want 1", open, f.redeemed.Load())
		}
	}
}

// A 401 for want of a credential names those that are taken, without an error
// code (RFC 6750 3.1).
func TestChallenges(t *testing.T) {
	const ticketOnly, both = `Ticket realm="wsticket"`, `Ticket realm="wsticket"|Bearer realm="wsticket"`
	tests := []struct {
		rule   string
		change func(*ws.Options)
		edit   string
		want   string
	}{
		{"tickets and bearers", nil, "-X", both},
		{"no authenticator", func(o *ws.Options) { o.Authenticator = nil }, "-X", ticketOnly},
		{"no header door", func(o *ws.Options) { o.Doors = []ws.Door{ws.DoorQuery} }, "-X", ticketOnly},
		{
			"a bearer where none is taken",
			func(o *ws.Options) { o.Authenticator = nil },
			"Authorization: Bearer " + goodBearer, ticketOnly,
		},
		{"a wrong bearer", nil, "Authorization: Bearer x", `Bearer realm="wsticket", error="invalid_token"`},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			f := newFixture(t, tt.change)
			got := f.send(t, request(plain, tt.edit))
			if challenge := strings.Join(got.Header["Www-Authenticate"], "|"); got.StatusCode != 401 || challenge != tt.want {
				t.Errorf("status %d with %q, want 401 with %q", got.StatusCode, challenge, tt.want)
			}
		})
	}
}

// Where the parameter is called token it takes a ticket, and still no JWT.
func TestTicketParameterToken(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) { o.TicketParameter = "token" })
	token := f.issue(nil).Token.Reveal()
	for target, want := range map[string]int{
		"token=" + jwt: 400, "access_token=" + token: 400, "Token=" + token: 400, "ticket=" + token: 401,
	} {
		if got := f.send(t, request("GET /ws?"+target+" HTTP/1.1")); got.StatusCode != want {
			t.Errorf("%.20s: %d %q, want %d", target, got.StatusCode, got.body, want)
		}
	}
	if got := f.send(t, request("GET /ws?token="+token+" HTTP/1.1")); got.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("a ticket: status %d, want 101", got.StatusCode)
	}
}
