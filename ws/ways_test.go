package ws_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/ticket"
	"wsticket/ws"
)

// way is how a credential comes to the server.
type way struct {
	door ws.Door
	// header is a header line, of which $T is the token of a ticket.
	header string
	// later tells that the ticket comes after the 101.
	later bool
	// burns tells that it spends the ticket.
	burns bool
}

// ways are one for each door but the query, by which the tables of requests
// are written.
func ways() []way {
	return []way{
		{ws.DoorSubprotocol, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T", false, true},
		{ws.DoorHeader, "Authorization: Ticket $T", false, true},
		{ws.DoorCookie, "Cookie: a=b; sid=" + goodBearer, false, false},
		{ws.DoorFirstMessage, "", true, true},
	}
}

// behind is what follows the handshake.
func (w way) behind(token string) string {
	if w.later {
		return auth(token)
	}
	return ""
}

// through writes a request by query as one by another way.
func (w way) through(text string) string {
	text = strings.Replace(text, "?ticket=$T", "", 1)
	if w.header == "" {
		return text
	}
	line, rest, _ := strings.Cut(text, "\n")
	return line + "\n" + w.header + "\r\n" + rest
}

// wayFixture has every door open. Sessions are counted as redemptions are.
func wayFixture(t *testing.T) *fixture {
	t.Helper()
	var f *fixture
	f = newFixture(t, func(o *ws.Options) {
		o.Doors, o.SessionCookie, o.AuthTimeout = nil, "sid", time.Minute
		o.Sessions = authFunc(func(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
			f.redeemed.Add(1)
			return fakeAuth{}.Authenticate(ctx, bearer)
		})
	})
	return f
}

// authFunc is an Authenticator of a function.
type authFunc func(context.Context, ticket.Bearer) (ticket.Identity, error)

func (f authFunc) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	return f(ctx, bearer)
}

// checkBy makes the handshake of a row by another way.
func (f *fixture) checkBy(t *testing.T, w way, tt row) {
	t.Helper()
	token := f.issue(nil).Token.Reveal()
	calls := f.redeemed.Load()
	got := f.send(t, strings.ReplaceAll(w.through(tt.request), "$T", token))
	if got.StatusCode != tt.status || problemCode(got.body) != tt.code {
		t.Errorf("answer %d %q, want %d %q", got.StatusCode, got.body, tt.status, tt.code)
	}
	f.noneOf(t, got, token, marker, goodBearer)
	if got.StatusCode != switching {
		if asked := f.redeemed.Load() - calls; asked != 0 {
			t.Errorf("somebody was asked %d times about the credential, want 0", asked)
		}
		return
	}
	if w.later {
		got.say(t, auth(token))
		got.authenticated(t)
	}
	if _, hello := got.readFrame(t); !strings.Contains(hello, `"hello","userId":"alice"`) {
		t.Errorf("the application says %q, want a greeting for alice", hello)
	}
	_ = got.conn.Close()
	again := f.send(t, strings.ReplaceAll(request(query), "$T", token))
	if burned := again.StatusCode == 401; burned != w.burns {
		t.Errorf("the ticket afterwards: status %d, want burned: %t", again.StatusCode, w.burns)
	}
}

// The log names the door, at the handshake and at the end.
func TestEachDoorLogsItself(t *testing.T) {
	f := wayFixture(t)
	for _, w := range ways() {
		token := f.issue(func(r *ticket.Request) { r.Origin = appOrigin }).Token.Reveal()
		text := w.through(request(query, "Origin: "+appOrigin)) + w.behind(token)
		got := f.send(t, strings.ReplaceAll(text, "$T", token))
		if got.StatusCode != switching {
			t.Fatalf("%s: status %d, want 101", w.door, got.StatusCode)
		}
		if w.later {
			got.authenticated(t)
		}
		_, _ = got.readFrame(t) // the greeting
		_, _ = io.WriteString(got.conn, frame(opClose, "\x03\xe8"))
		f.logs.waitFor(t, `"Door":"`+string(w.door)+`"`, `"Status":101`)
		f.logs.waitFor(t, "connection closed", `"door":"`+string(w.door)+`"`, `"close_code":1000`)
	}
}

// What an Endpoint returns is the close code, whichever door it was.
func TestEachDoorHasTheSameEnd(t *testing.T) {
	f := wayFixture(t)
	handler := mustNew(t, ws.Options{
		Redeemer: f, Sessions: fakeAuth{}, SessionCookie: "sid", Origins: []string{appOrigin},
		Endpoint: func(context.Context, *websocket.Conn, ticket.Grant) error {
			return websocket.CloseError{Code: 4003, Reason: "revoked"}
		},
	})
	f.server.Config.Handler = handler
	for _, w := range ways() {
		token := f.issue(nil).Token.Reveal()
		text := w.through(request(query, "Origin: "+appOrigin)) + w.behind(token)
		got := f.send(t, strings.ReplaceAll(text, "$T", token))
		if _, code, reason := got.farewell(t); code != 4003 || reason != "revoked" {
			t.Errorf("%s: closed with %d %q, want 4003", w.door, code, reason)
		}
	}
}
