package ws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/limit"
	"wsticket/ticket"
	"wsticket/ws"
)

// Every refusal for a credential, a limit or a redemption is a close code
// then, and every other one is still an answer.
func TestAcceptThenClose(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) {
		o.AcceptThenClose, o.Audience, o.UnauthenticatedPerAddress = true, "chat", 1000
		o.Sessions, o.SessionCookie = fakeAuth{}, "sid"
		o.Doors = append(o.Doors, ws.DoorCookie)
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
		{"one at a door that is none", request(plain, "Authorization: Basic eDp5"), 0, 4001, authFailed, "closed_door"},
		{"a wrong bearer", request(plain, "Authorization: Bearer "+marker), 0, 4001, authFailed, "invalid_bearer"},
		{"a bearer at its end", request(plain, "Authorization: Bearer "+lateBearer), 0, 4008, "the bearer's lifetime ended", "bearer_expired"},
		{"a wrong session", request(plain, page, "Cookie: sid="+marker), 0, 4001, authFailed, "invalid_bearer"},
		{"a session at its end", request(plain, page, "Cookie: sid="+lateBearer), 0, 4008, "the bearer's lifetime ended", "bearer_expired"},
		{"keys that are away", request(plain, "Authorization: Bearer "+deadBearer), 0, 1013, "overload", "unavailable"},
		{"two credentials", request(query, "Authorization: Bearer "+goodBearer), 0, 1008, "policy", "two_credentials"},
		{"a parameter twice", request("GET /ws?ticket=a&ticket=b HTTP/1.1"), 0, 1008, "policy", "query"},
		{"a malformed header", request(plain, "Authorization: Ticket"), 0, 1008, "policy", "authorization"},
		{"a bearer in the URL", request("GET /ws?access_token=x HTTP/1.1"), 0, 1008, "policy", "credential_in_url"},

		{"a session without an Origin", request(plain, "Cookie: sid="+goodBearer), 403, 0, "", "origin"},
		{"another Origin", request(query, "Origin: https://evil.example"), 403, 0, "", "origin"},
		{"another Host", request(query, "Host: evil.example"), 421, 0, "", "host"},
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
			f.logs.waitFor(t, `"Status":101`, `"Reason":"`+tt.reason+`"`)
			f.noneOf(t, answer{Response: got.Response}, marker)
		})
	}
	if strings.Contains(f.logs.String(), `"Outcome":"connected"`) || strings.Contains(f.logs.String(), "connection closed") {
		t.Error("somebody got in")
	}
}

// What is offered is answered, or a browser would not look at the code.
func TestAcceptThenCloseAnswersTheProtocol(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) { o.AcceptThenClose = true })
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

// W26, and a flood of frames: the peer is cut after about a second, and
// whatever it has sent goes nowhere.
func TestAcceptThenCloseIsBounded(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) { o.AcceptThenClose = true })
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

// A limit is told by a code as well. Where too many connections wait for an
// answer to their close frame, the rest gets a status again.
func TestAcceptThenCloseAndLimits(t *testing.T) {
	f := newFixture(t, func(o *ws.Options) {
		o.AcceptThenClose, o.UnauthenticatedPerAddress = true, 2
		o.AddressLimit = limit.New(limit.Rate{Events: 1, Per: time.Hour}, 10, nil)
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
	f.logs.waitFor(t, `"Status":101`, `"Reason":"rate_limited"`, `"Outcome":"refused"`)
}

// Every error has a close code, or is one that comes before.
func TestCloseCodeOfEachError(t *testing.T) {
	for name, err := range sentinels() {
		code, reason, ok := ws.CloseCode(fmt.Errorf("redeem: %w", err))
		status, _, _, _ := ws.Answer(err)
		want := map[int]int{401: 4001, 400: 1008, 403: 1008, 429: 1013, 503: 1013, 500: 1011}[status]
		if !ok || code != want {
			t.Errorf("%s, status %d: %d %q, want %d", name, status, code, reason, want)
		}
	}
	if code, _, _ := ws.CloseCode(errors.New(marker)); code != 1011 {
		t.Errorf("anything else: %d, want 1011", code)
	}
	rows := closeCodes(t)
	for _, err := range []error{ticket.ErrSpent, ticket.ErrInvalidRequest, ticket.ErrUnavailable, ticket.ErrExists} {
		code, reason, _ := ws.CloseCode(err)
		if row, known := rows[code]; !known || code != 4001 && row.Reason != reason {
			t.Errorf("%v: %d %q, which the vectors have as %q", err, code, reason, row.Reason)
		}
	}
}

// A middleware that hides the connection keeps the status.
func TestAcceptThenCloseWithoutHijack(t *testing.T) {
	f := newFixture(t, nil)
	handler := mustNew(t, ws.Options{Redeemer: f, Endpoint: ws.Echo, AllowMissingOrigin: true, AcceptThenClose: true})
	f.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
	if got := f.send(t, request("GET /ws?ticket="+wellFormed+" HTTP/1.1")); got.StatusCode != 500 {
		t.Errorf("status %d, want 500", got.StatusCode)
	}
}

// While the server stops there is nothing to complete.
func TestAcceptThenCloseWhileStopping(t *testing.T) {
	var handler *ws.Handler
	f := newFixture(t, func(o *ws.Options) {
		o.AcceptThenClose = true
		handler = mustNew(t, *o)
	})
	f.server.Config.Handler = handler
	if err := handler.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := f.send(t, request("GET /ws?ticket="+wellFormed+" HTTP/1.1")); got.StatusCode != 503 {
		t.Errorf("status %d, want 503", got.StatusCode)
	}
}
