package ws_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/gate"
	"wsticket/ticket"
	"wsticket/ws"
)

// dial connects with a real client.
func (f *fixture) dial(ctx context.Context, query string, o websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	o.Host = "api.example.com"
	return websocket.Dial(ctx, f.server.URL+"/ws"+query, &o)
}

func TestDoors(t *testing.T) {
	f := newFixture(t, nil)
	tests := []struct {
		door     ticket.Door
		protocol string
		options  func(token string) (string, websocket.DialOptions)
	}{
		{"query", "", func(token string) (string, websocket.DialOptions) {
			return "?room=1&ticket=" + token, websocket.DialOptions{}
		}},
		{"query", "app.v1", func(token string) (string, websocket.DialOptions) {
			return "?ticket=" + token, websocket.DialOptions{Subprotocols: []string{"app.v1"}}
		}},
		{"subprotocol", "wsticket.v1", func(token string) (string, websocket.DialOptions) {
			return "", websocket.DialOptions{Subprotocols: []string{"wsticket.v1", "ticket." + token}}
		}},
		{"header", "", func(token string) (string, websocket.DialOptions) {
			return "", websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Ticket " + token}}}
		}},
	}
	for _, tt := range tests {
		t.Run(string(tt.door)+" "+tt.protocol, func(t *testing.T) {
			issued := f.issue(nil)
			query, options := tt.options(issued.Token.Reveal())
			conn, _, err := f.dial(t.Context(), query, options)
			if err != nil {
				t.Fatal(err)
			}
			if conn.Subprotocol() != tt.protocol {
				t.Errorf("subprotocol %q, want %q", conn.Subprotocol(), tt.protocol)
			}
			hello := converse(t, conn)
			if hello["userId"] != "alice" || hello["connectionId"] != string(issued.ID) {
				t.Errorf("greeting %v, want alice's and the ticket's ID %s", hello, issued.ID)
			}
			if seen := f.lastSeen.Load().Door; seen != tt.door {
				t.Errorf("presented by %q, want %q", seen, tt.door)
			}
			want := ticket.Event{
				Kind: ticket.EventRequest, TicketID: issued.ID, Presentation: ticket.Presentation{Door: tt.door},
				Outcome: "connected", Reason: "ok", HTTP: ticket.HTTPAnswer{Status: switching},
			}
			f.events.AwaitLike(t, want)
			want.Kind, want.HTTP = ticket.EventConnect, ticket.HTTPAnswer{}
			f.events.AwaitLike(t, want)
			want.Kind, want.Outcome, want.Closed = ticket.EventDisconnect, "", ticket.Closed{Code: 1000, By: ticket.ByClient}
			f.events.AwaitLike(t, want)
			f.noneOf(t, answer{}, issued.Token.Reveal())
			// A ticket that opened a connection is spent.
			_, response, err := f.dial(t.Context(), query, options)
			if err == nil || response.StatusCode != http.StatusUnauthorized {
				t.Errorf("the same ticket again: %v, want 401", err)
			}
		})
	}
}

// converse reads the greeting, has a message echoed and closes.
func converse(t *testing.T, conn *websocket.Conn) map[string]string {
	t.Helper()
	defer func() { _ = conn.CloseNow() }()
	_, text, err := conn.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var hello map[string]string
	if err := json.Unmarshal(text, &hello); err != nil {
		t.Fatalf("greeting %q: %v", text, err)
	}
	if err := conn.Write(t.Context(), websocket.MessageBinary, []byte{0, 0xff}); err != nil {
		t.Fatal(err)
	}
	kind, back, err := conn.Read(t.Context())
	if err != nil || kind != websocket.MessageBinary || string(back) != "\x00\xff" {
		t.Errorf("echo %v %q, %v, want the two bytes back", kind, back, err)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("close: %v", err)
	}
	return hello
}

// T14: of any number of concurrent handshakes with one ticket, one gets in.
func TestConcurrentDials(t *testing.T) {
	f := newFixture(t, nil)
	token := f.issue(nil).Token.Reveal()
	var wg sync.WaitGroup
	results := make(chan int, 100)
	start := make(chan struct{})
	for i := range cap(results) {
		wg.Go(func() {
			query, options := "?ticket="+token, websocket.DialOptions{}
			if i%2 == 1 {
				query, options.Subprotocols = "", []string{"wsticket.v1", "ticket." + token}
			}
			<-start
			conn, response, err := f.dial(t.Context(), query, options)
			if err == nil {
				_ = conn.CloseNow()
			}
			if response == nil {
				t.Errorf("no answer: %v", err)
				return
			}
			results <- response.StatusCode
		})
	}
	close(start)
	wg.Wait()
	close(results)
	count := make(map[int]int)
	for status := range results {
		count[status]++
	}
	if count[101] != 1 || count[401] != 99 {
		t.Errorf("statuses %v, want one 101 and 99 of 401", count)
	}
}

func TestEchoRefusesTextThatIsNone(t *testing.T) {
	f, got := open(t, ws.Echo)
	_, _ = got.readFrame(t)
	_, _ = io.WriteString(got.conn, frame(opText, "\xff\xfe"))
	if code, reason := got.readClose(t); code != 1007 || reason != "not UTF-8" {
		t.Errorf("closed with %d %q, want 1007", code, reason)
	}
	_, _ = io.WriteString(got.conn, frame(opClose, "\x03\xef"))
	f.disconnected(t, 1007)
}

func TestEchoGreeting(t *testing.T) {
	_, got := open(t, func(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error {
		grant.ID, grant.Identity.Subject = "0123456789012345678901", "user-0123456789-012345"
		grant.ConnectionExpiresAt = time.Date(2026, 11, 22, 15, 0, 30, 5, time.FixedZone("CET", 3600))
		return ws.Echo(ctx, conn, grant)
	})
	const want = `{"type":"hello","userId":"user-0123456789-012345","connectionId":"0123456789012345678901","expiresAt":"2026-11-22T14:00:30Z"}`
	opcode, hello := got.readFrame(t)
	if opcode != opText || hello != want {
		t.Errorf("greeting %d %s, want %s", opcode, hello, want)
	}
	if len(want) >= 126 {
		t.Errorf("a greeting of %d bytes has a longer header, want fewer than 126", len(want))
	}
}

// An Echo that cannot write ends.
func TestEchoEndsWithTheConnection(t *testing.T) {
	ended := make(chan error, 1)
	_, got := open(t, func(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error {
		_ = conn.CloseNow()
		ended <- ws.Echo(ctx, conn, grant)
		return nil
	})
	if err := <-ended; err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Echo on a closed connection: %v, want an error at once", err)
	}
	_ = got.conn.Close()
}

// The events name the door, and what an Endpoint returns is the close code.
func TestEachDoorHasTheSameEnd(t *testing.T) {
	f := newFixture(t, func(s *setup) {
		s.gate.Doors, s.gate.Sessions, s.gate.SessionCookie = gate.Doors(), fakeAuth{}, "sid"
		s.ws.Endpoint = func(context.Context, *websocket.Conn, ticket.Grant) error {
			return websocket.CloseError{Code: 4003, Reason: "revoked"}
		}
	})
	for door, text := range map[ticket.Door]string{
		ticket.DoorQuery:        request(query),
		ticket.DoorSubprotocol:  request(plain, "Sec-WebSocket-Protocol: wsticket.v1, ticket.$T"),
		ticket.DoorHeader:       request(plain, "Authorization: Ticket $T"),
		ticket.DoorCookie:       request(plain, "Origin: "+appOrigin, "Cookie: a=b; sid="+goodBearer),
		ticket.DoorFirstMessage: request(plain),
	} {
		token := f.issue(nil).Token.Reveal()
		text = strings.ReplaceAll(text, "$T", token)
		if door == ticket.DoorFirstMessage {
			text += auth(token)
		}
		if _, code, reason := f.send(t, text).farewell(t); code != 4003 || reason != "revoked" {
			t.Errorf("%s: closed with %d %q, want 4003", door, code, reason)
		}
		for _, want := range []ticket.Event{
			{Kind: ticket.EventRequest, HTTP: ticket.HTTPAnswer{Status: switching}},
			{Kind: ticket.EventConnect},
			{Kind: ticket.EventDisconnect, Closed: ticket.Closed{Code: 4003, By: ticket.ByUpstream}},
		} {
			want.Presentation.Door = door
			f.events.AwaitLike(t, want)
		}
	}
}
