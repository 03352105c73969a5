package ws_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/gate"
	"wsticket/ticket"
)

// With AcceptThenClose, every refusal for a credential, a limit or a redemption
// is a close code, and every other one is still an HTTP answer.
func TestAcceptThenClose(t *testing.T) {
	f := newFixture(t, func(s *setup) {
		s.ws.AcceptThenClose, s.ws.Audience, s.ws.UnauthenticatedPerAddress = true, "chat", 1000
		s.gate.Sessions, s.gate.SessionCookie = fakeAuth{}, "sid"
		s.gate.Doors = append(s.gate.Doors, ticket.DoorCookie)
	})
	page := "Origin: " + appOrigin
	ticketOf := func(token string) string { return request("GET /ws?ticket=" + token + " HTTP/1.1") }
	other := f.issue(func(r *ticket.Request) { r.Audience = "admin" }).Token.Reveal()
	tests := []struct {
		rule, request string
		status        int // of an answer; 0: a close frame
		code          int
		text          string
		reason        string // in the log
	}{
		{"an invented ticket", ticketOf(wellFormed), 0, 4001, authFailed, "not_found"},
		{"a malformed one", ticketOf("wst1_" + marker), 0, 4001, authFailed, "malformed"},
		{"one for another audience", ticketOf(other), 0, 4001, authFailed, "wrong_audience"},
		{"which is spent by that", ticketOf(other), 0, 4001, authFailed, "spent"},
		{"in the subprotocol", request(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket."+wellFormed), 0, 4001, authFailed, "not_found"},
		{"no credential", request(plain), 0, 4001, authFailed, "missing_credential"},
		{"one that is not ours", request(plain, "Authorization: Basic eDp5"), 0, 4001, authFailed, "missing_credential"},
		{"a wrong bearer", request(plain, "Authorization: Bearer "+marker), 0, 4001, authFailed, "invalid_bearer"},
		{"a bearer at its end", request(plain, "Authorization: Bearer "+lateBearer), 0, 4008, "wsticket: the bearer's lifetime ended", "bearer_expired"},
		{"a wrong session", request(plain, page, "Cookie: sid="+marker), 0, 4001, authFailed, "invalid_bearer"},
		{"a session at its end", request(plain, page, "Cookie: sid="+lateBearer), 0, 4008, "wsticket: the bearer's lifetime ended", "bearer_expired"},
		{"keys that are away", request(plain, "Authorization: Bearer "+deadBearer), 0, 1013, "overload", "unavailable"},
		{"two credentials", request(query, "Authorization: Bearer "+goodBearer), 0, 1008, "policy", "two_credentials"},
		{"a parameter twice", request("GET /ws?ticket=a&ticket=b HTTP/1.1"), 0, 1008, "policy", "query"},
		{"a malformed header", request(plain, "Authorization: Ticket"), 0, 1008, "policy", "authorization"},
		{"a bearer in the URL", request("GET /ws?access_token=x HTTP/1.1"), 0, 1008, "policy", "credential_in_url"},

		{"a session without an Origin", request(plain, "Cookie: sid="+goodBearer), 403, 0, "", denied},
		{"another Origin", request(query, "Origin: https://evil.example"), 403, 0, "", denied},
		{"another Host", request(query, "Host: evil.example"), 421, 0, "", "host_not_allowed"},
		{"another method", request("POST /ws HTTP/1.1"), 405, 0, "", "handshake"},
		{"no upgrade", request(query, "-Upgrade"), 426, 0, "", "handshake"},
		{"a malformed key", request(query, "Sec-WebSocket-Key: x"), 400, 0, "", "handshake"},
		{"no subprotocol in common", request(query, "Sec-WebSocket-Protocol: other"), 400, 0, "", "subprotocol"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			got := f.send(t, tt.request)
			if tt.status != 0 {
				if got.StatusCode != tt.status {
					t.Errorf("status %d, want %d", got.StatusCode, tt.status)
				}
				return
			}
			if got.StatusCode != switching {
				t.Fatalf("status %d %s, want 101", got.StatusCode, got.body)
			}
			if text, code, reason := got.farewell(t); text != "" || code != tt.code || reason != tt.text {
				t.Errorf("closed with %q, %d %q, want %d %q", text, code, reason, tt.code, tt.text)
			}
			got.gone(t)
			if e := f.answered(t, tt.reason); e.HTTP.Status != switching {
				t.Errorf("the access log says %+v, want 101", e)
			}
			f.noneOf(t, answer{Response: got.Response}, marker)
		})
	}
	if f.events.Has(ticket.Event{Outcome: "connected"}) || f.events.Has(ticket.Event{Kind: ticket.EventConnect}) {
		t.Error("somebody got in")
	}
}

// A subprotocol that was offered is answered. Otherwise a browser would ignore
// the code.
func TestAcceptThenCloseAnswersTheProtocol(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.ws.AcceptThenClose = true })
	got := f.send(t, request(plain, "Sec-WebSocket-Protocol: app.v1, ticket."+wellFormed, "Sec-WebSocket-Extensions: permessage-deflate"))
	if got.Header.Get("Sec-WebSocket-Protocol") != "app.v1" || got.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("answered %v, want app.v1 and no extension", got.Header)
	}
	conn, response, err := f.dial(t.Context(), "?ticket="+wellFormed, websocket.DialOptions{})
	if err != nil {
		t.Fatalf("a real client: %v, %v, want a handshake that succeeds", response, err)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != 4001 {
		t.Errorf("a real client: %v, want 4001", err)
	}
}

// W26, and a flood of frames: the peer is cut after about a second, and nothing
// that it has sent reaches the application.
func TestAcceptThenCloseIsBounded(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.ws.AcceptThenClose = true })
	early := frame(opText, "early") + long(0x82, 1<<40)
	got := f.send(t, request("GET /ws?ticket="+wellFormed+" HTTP/1.1")+early)
	flooded := make(chan error, 1)
	go func() { // ends when the connection is cut
		var err error
		for flood := strings.Repeat("x", 1<<16); err == nil; {
			_, err = io.WriteString(got.conn, flood)
		}
		flooded <- err
	}()
	if code, _ := got.readClose(t); code != 4001 {
		t.Errorf("closed with %d, want 4001", code)
	}
	if err := <-flooded; isTimeout(err) {
		t.Error("the flood is taken for ten seconds, want about one")
	}
}

// A limit has a close code as well. Where too many connections wait for an
// answer to their close frame, the rest gets a status again.
func TestAcceptThenCloseAndLimits(t *testing.T) {
	f := newFixture(t, func(s *setup) {
		s.ws.AcceptThenClose, s.ws.UnauthenticatedPerAddress = true, 2
		s.gate.AddressLimit = gate.NewRateLimiter(1, time.Hour)
	})
	first, second := f.send(t, request(plain)), f.send(t, request(plain))
	if third := f.send(t, request(plain)); third.StatusCode != 429 {
		t.Errorf("the third: status %d, want 429", third.StatusCode)
	}
	if _, code, _ := first.farewell(t); code != 4001 {
		t.Errorf("the first: closed with %d, want 4001", code)
	}
	if _, code, reason := second.farewell(t); code != 1013 || reason != "overload" {
		t.Errorf("the second: closed with %d %q, want 1013", code, reason)
	}
	f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventRequest, Reason: "rate_limited", Outcome: "refused", HTTP: ticket.HTTPAnswer{Status: switching}})
}

// A middleware that hides the connection keeps the status.
func TestAcceptThenCloseWithoutHijack(t *testing.T) {
	f := newFixture(t, func(s *setup) {
		s.ws.AcceptThenClose = true
		s.front = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			})
		}
	})
	if got := f.send(t, request("GET /ws?ticket="+wellFormed+" HTTP/1.1")); got.StatusCode != 500 {
		t.Errorf("status %d, want 500", got.StatusCode)
	}
}
