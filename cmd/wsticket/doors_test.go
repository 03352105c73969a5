package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/testenv"
)

// sayFirst makes a handshake without a credential and sends text as the first
// message. It returns what comes back, or the error that ends it.
func sayFirst(ctx context.Context, t testing.TB, host, text string) (*websocket.Conn, string, error) {
	t.Helper()
	conn, _, err := websocket.Dial(ctx, "ws://"+host+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	_, answer, err := conn.Read(ctx)
	return conn, string(answer), err
}

func authMessage(token string) string { return fmt.Sprintf(`{"type":"auth","token":%q}`, token) }

// everyDoor is the setting that opens all doors; cookie only with sessions.
const everyDoor = "ws.doors=query, subprotocol, header, cookie, first_message"

func TestFirstMessageDoor(t *testing.T) {
	redis := testenv.Redis(t)
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, redis.URL()), "--set", everyDoor)
	bearer := idp.bearer(t, "alice")
	got := issue(t, p.public, bearer)
	for what, token := range map[string]string{"a ticket": got.Ticket, "a bearer": bearer} {
		conn, text, err := sayFirst(t.Context(), t, p.public, authMessage(token))
		var ok greeting
		if err != nil || json.Unmarshal([]byte(text), &ok) != nil || ok.Type != "auth_ok" || ok.UserID != "alice" {
			t.Fatalf("%s: %s, %v, want auth_ok for alice", what, text, err)
		}
		if what == "a ticket" && ok.ConnectionID != got.TicketID {
			t.Errorf("connection %s, want the ticket's ID %s", ok.ConnectionID, got.TicketID)
		}
		if _, hello, err := conn.Read(t.Context()); err != nil || !strings.Contains(string(hello), `"hello"`) {
			t.Errorf("%s: then %s, %v, want the application's greeting", what, hello, err)
		}
		echoes(t, conn)
	}
	conn, text, err := sayFirst(t.Context(), t, p.public, authMessage(got.Ticket))
	if err != nil || text != `{"type":"auth_fail","code":"invalid_ticket"}` {
		t.Errorf("the same ticket again: %s, %v, want auth_fail", text, err)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != 4001 {
		t.Errorf("then %v, want close 4001", err)
	}
	p.hasMetrics(
		t, `wsticket_handshakes_total{door="first_message",outcome="accepted",reason="pending"} 3`,
		`wsticket_handshakes_total{door="first_message",outcome="connected",reason="ok"} 2`,
		`wsticket_handshakes_total{door="first_message",outcome="refused",reason="spent"} 1`,
	)
}

// A session opens a WebSocket from a page, and gets a ticket.
func TestCookieDoor(t *testing.T) {
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "session.cookie=sid", "--set", "session.jwt=true")
	bearer := idp.bearer(t, "alice")
	socket := "ws://" + p.public + "/ws"
	page := http.Header{"Cookie": {"sid=" + bearer}, "Origin": {pageOrigin}}
	if _, hello, res := dial(t, socket, &websocket.DialOptions{HTTPHeader: page}); hello.UserID != "alice" {
		t.Errorf("from a page: %d, greeted as %+v, want alice", res.StatusCode, hello)
	}
	if a := askAsPage(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "sid="+bearer); a.status != http.StatusCreated {
		t.Errorf("a ticket by a JWT in the cookie: %d %s, want 201", a.status, a.body)
	}
	for what, tt := range map[string]struct {
		header http.Header
		status int
	}{
		"from nowhere":    {http.Header{"Cookie": page["Cookie"]}, 403},
		"another session": {http.Header{"Cookie": {"sid=x"}, "Origin": page["Origin"]}, 401},
	} {
		if _, _, res := dial(t, socket, &websocket.DialOptions{HTTPHeader: tt.header}); res.StatusCode != tt.status {
			t.Errorf("%s: status %d, want %d", what, res.StatusCode, tt.status)
		}
	}
}

// The keys of the new doors reach the endpoint.
func TestDoorSettings(t *testing.T) {
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", everyDoor, "--set", "ws.accept_then_close=true", "--set", "ws.auth_timeout=50ms")
	for what, target := range map[string]string{"silence": "/ws", "a wrong ticket": "/ws?ticket=wst1_x"} {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+p.public+target, nil)
		if err != nil {
			t.Fatalf("%s: %v, want a handshake that is completed", what, err)
		}
		if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != 4001 {
			t.Errorf("%s: %v, want close 4001", what, err)
		}
	}
	p.stderr.WaitFor(t, `"reason":"auth_timeout"`)

	p = start(t, "serve", "--config", idp.config(t, "memory:"), "--set", everyDoor, "--set", "limits.unauthenticated_per_address=1")
	waiting, _, err := websocket.Dial(t.Context(), "ws://"+p.public+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = waiting.CloseNow() }()
	if _, res, err := websocket.Dial(t.Context(), "ws://"+p.public+"/ws", nil); err == nil || res == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one unauthenticated socket too many: %v, want 503", err)
	}
	p.hasMetrics(t, `wsticket_handshakes_total{door="first_message",outcome="error",reason="unauthenticated_per_address"} 1`)

	p = start(t, "serve", "--config", idp.config(t, "memory:")) // it has to be named
	if _, res, err := websocket.Dial(t.Context(), "ws://"+p.public+"/ws", nil); err == nil || res == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("where the door is closed: %v, want 401", err)
	}
}
