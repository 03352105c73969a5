package ws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/ticket"
)

const (
	authFailed  = "Authentication failed"
	authTimeout = "Authentication timeout"
)

// messageFixture is a server with every door open but cookie, and with more
// time than a busy machine needs.
func messageFixture(t *testing.T, change func(*setup)) *fixture {
	t.Helper()
	return newFixture(t, func(s *setup) {
		s.gate.Doors, s.ws.AuthTimeout = withoutSessions(), time.Minute
		if change != nil {
			change(s)
		}
	})
}

// await makes a handshake without a credential, with bytes behind it.
func (f *fixture) await(t *testing.T, behind string, edits ...string) answer {
	t.Helper()
	got := f.send(t, request(plain, edits...)+behind)
	if got.StatusCode != switching {
		t.Fatalf("status %d %s, want 101", got.StatusCode, got.body)
	}
	return got
}

// auth is the frame of an auth message.
func auth(token string) string {
	return frame(opText, fmt.Sprintf(`{"type":"auth","token":%q}`, token))
}

func (a answer) say(t *testing.T, frames ...string) {
	t.Helper()
	if _, err := io.WriteString(a.conn, strings.Join(frames, "")); err != nil {
		t.Fatal(err)
	}
}

// authenticated reads the answer to a good auth message.
func (a answer) authenticated(t *testing.T) map[string]string {
	t.Helper()
	opcode, text := a.readFrame(t)
	var ok map[string]string
	if err := json.Unmarshal([]byte(text), &ok); opcode != opText || err != nil || ok["type"] != "auth_ok" {
		t.Fatalf("frame %d %q, %v, want auth_ok", opcode, text, err)
	}
	return ok
}

// farewell reads all frames up to the close frame and answers that. Text is
// what came before it.
func (a answer) farewell(t *testing.T) (text string, code int, reason string) {
	t.Helper()
	for {
		opcode, payload := a.readFrame(t)
		if opcode == opText {
			text += payload
		}
		if opcode != opClose {
			continue
		}
		// The peer may have cut the connection already.
		_, _ = io.WriteString(a.conn, frame(opClose, payload[:min(2, len(payload))]))
		if len(payload) < 2 {
			return text, 1005, ""
		}
		return text, int(payload[0])<<8 | int(payload[1]), payload[2:]
	}
}

// gone checks that nothing more arrives.
func (a answer) gone(t *testing.T) {
	t.Helper()
	if rest, err := io.ReadAll(a.rest); len(rest) > 0 || isTimeout(err) {
		t.Errorf("after the close frame: %q, %v, want the end of the connection", rest, err)
	}
}

func isTimeout(err error) bool {
	network, ok := err.(net.Error) //nolint:errorlint // What a socket returns is not wrapped.
	return ok && network.Timeout()
}

func TestFirstMessage(t *testing.T) {
	f := messageFixture(t, func(s *setup) { s.gate.TrustedProxies = loopback })
	issued := f.issue(nil)
	got := f.await(t, "", "Sec-WebSocket-Protocol: wsticket.v1, app.v2", "X-Request-Id: one")
	if accept := got.Header.Get("Sec-WebSocket-Accept"); accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("Sec-WebSocket-Accept %q, want that of RFC 6455 1.3", accept)
	}
	if chosen := got.Header.Get("Sec-WebSocket-Protocol"); chosen != "app.v2" || got.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("protocol %q, want app.v2 and no extension", chosen)
	}
	if got.Header.Get("X-Request-Id") != "one" {
		t.Error("the answer lacks what the middleware has set")
	}
	if f.redeemed.Load() != 0 {
		t.Error("a ticket was redeemed before there was one")
	}
	got.say(t, auth(issued.Token.Reveal()))
	want := fmt.Sprintf(`{"type":"auth_ok","userId":"alice","connectionId":"%s","expiresAt":"%s"}`,
		issued.ID, issued.ConnectionExpiresAt.UTC().Format(time.RFC3339))
	if opcode, text := got.readFrame(t); opcode != opText || text != want {
		t.Errorf("answer %d %s, want %s", opcode, text, want)
	}
	if _, hello := got.readFrame(t); !strings.HasPrefix(hello, `{"type":"hello","userId":"alice"`) {
		t.Errorf("greeting %s, want alice's", hello)
	}
	got.say(t, frame(opText, "after"))
	if _, echo := got.readFrame(t); echo != "after" {
		t.Errorf("echo %q, want what was sent", echo)
	}
	if seen := f.lastSeen.Load(); seen.Door != "first_message" || len(seen.Attempt) != 22 || !seen.ClientIP.IsLoopback() {
		t.Errorf("presentation %+v, want the door, an attempt and a loopback address", seen)
	}
	got.say(t, frame(opClose, "\x03\xe8"))
	if _, code, _ := got.farewell(t); code != 1000 {
		t.Errorf("close code %d, want 1000", code)
	}
	door, one := ticket.Presentation{Door: ticket.DoorFirstMessage}, ticket.RequestInfo{ID: "one"}
	for _, want := range []ticket.Event{
		{Kind: ticket.EventRequest, Request: one, Presentation: door, Outcome: "accepted", Reason: "pending", HTTP: ticket.HTTPAnswer{Status: switching}},
		{Kind: ticket.EventRedeem, Request: one, Presentation: door, TicketID: issued.ID},
		{Kind: ticket.EventConnect, Request: one, Presentation: door, TicketID: issued.ID, Outcome: "connected", Reason: "ok"},
		{Kind: ticket.EventDisconnect, Request: one, Presentation: door, TicketID: issued.ID, Closed: ticket.Closed{Code: 1000, By: ticket.ByClient}},
	} {
		f.events.AwaitLike(t, want)
	}
	if f.events.Has(ticket.Event{Kind: ticket.EventRefuse}) {
		t.Error("there is an event of a refusal")
	}
	f.noneOf(t, answer{Response: got.Response}, issued.Token.Reveal())
}

// Forms of the auth message that are accepted, and ways in which it may arrive.
func TestFirstMessageIsTaken(t *testing.T) {
	f := messageFixture(t, nil)
	long := func(n int) string { // an auth message of n bytes
		text := `{"type":"auth","token":"` + goodBearer + `"}`
		return text + strings.Repeat(" ", n-len(text))
	}
	tests := []struct{ rule, frames string }{
		{"a bearer", auth(goodBearer)},
		{"members in any order, with white space and escapes", frame(opText, ` { "token" : "`+goodBearer+`" ,"\u0074ype":"\u0061uth"} `)},
		{"4 KiB", frame(opText, long(4096))},
		{"W10 after a binary frame, which is nothing", frame(opBinary, long(100)) + auth(goodBearer)},
		{"W22 after a message of the application's, which is nothing", frame(opText, `{"type":"subscribe","token":1,"room":{"a":[[1]]}}`) + auth(goodBearer)},
		{"after an unasked pong", frame(opPong, "x") + auth(goodBearer)},
		{"in a frame with the longer form of its length", frame(opText, long(200))},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			for how, got := range map[string]answer{
				"after the handshake": f.await(t, ""), "W23 glued to the handshake": f.await(t, tt.frames),
			} {
				if how == "after the handshake" {
					got.say(t, tt.frames)
				}
				if ok := got.authenticated(t); ok["userId"] != "alice" {
					t.Errorf("%s: %v, want alice", how, ok)
				}
				if _, hello := got.readFrame(t); !strings.Contains(hello, `"hello"`) {
					t.Errorf("%s: the application says %q, want its greeting", how, hello)
				}
				_ = got.conn.Close()
			}
		})
	}
}

// W23: all bytes that arrive together with the auth frame belong to the
// application.
func TestFramesBehindTheAuthFrame(t *testing.T) {
	f := messageFixture(t, nil)
	first, large := frame(opText, "one"), strings.Repeat("x", 3000)
	// More than fits into any buffer on the way.
	behind := first + strings.Repeat(frame(opText, large), 10)
	for how, got := range map[string]answer{
		"glued to the auth frame": f.await(t, ""), "all glued to the handshake": f.await(t, auth(goodBearer)+behind),
	} {
		if how == "glued to the auth frame" {
			got.say(t, auth(goodBearer)+behind)
		}
		got.authenticated(t)
		_, _ = got.readFrame(t) // the greeting
		if _, echo := got.readFrame(t); echo != "one" {
			t.Errorf("%s: the application got %q first, want one", how, echo)
		}
		for range 10 {
			if _, echo := got.readFrame(t); echo != large {
				t.Errorf("%s: the application got %.10q…, want the large one", how, echo)
			}
		}
		_ = got.conn.Close()
	}
}

// W21: after auth_ok an auth message changes nobody's identity. A ticket in it is
// refused and not spent, and the application does not get it.
func TestSecondAuthMessage(t *testing.T) {
	f := messageFixture(t, nil)
	token := f.issue(func(r *ticket.Request) { r.Identity.Subject = "bob" }).Token.Reveal()
	got := f.await(t, auth(goodBearer)+auth(token))
	if ok := got.authenticated(t); ok["userId"] != "alice" {
		t.Errorf("authenticated as %v, want alice", ok)
	}
	_, first := got.readFrame(t)
	_, second := got.readFrame(t)
	const refused = `{"type":"auth_fail","code":"invalid_token"}`
	if both := first + second; !strings.Contains(both, refused) || !strings.Contains(both, `"hello"`) {
		t.Errorf("got %q and %q, want the greeting and the refusal", first, second)
	}
	got.echoes(t, "it goes on")
	if f.redeemed.Load() != 0 {
		t.Error("the second ticket was redeemed")
	}
	_ = got.conn.Close()
}

// Nothing reaches the application before auth_ok, and an Endpoint that speaks
// first speaks after it.
func TestEndpointSeesNothingBefore(t *testing.T) {
	seen := make(chan string, 1)
	f := messageFixture(t, func(s *setup) {
		s.ws.Endpoint = func(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) error {
			_, text, err := conn.Read(ctx)
			seen <- string(text) + " for " + grant.Identity.Subject + " by " + conn.Subprotocol()
			return err
		}
	})
	got := f.await(t, frame(opText, `{"type":"hidden"}`)+frame(opBinary, "hidden"), "Sec-WebSocket-Protocol: app.v1")
	got.say(t, auth(goodBearer), frame(opText, "shown"))
	if text := <-seen; text != "shown for alice by app.v1" {
		t.Errorf("the application got %q, want only what came after the auth message", text)
	}
	got.authenticated(t)
}

// The Sec-WebSocket-Protocol of our own answer may be none.
func TestFirstMessageWithoutSubprotocol(t *testing.T) {
	f := messageFixture(t, nil)
	conn, response, err := f.dial(t.Context(), "", websocket.DialOptions{})
	if err != nil || response.Header.Get("Sec-WebSocket-Protocol") != "" {
		t.Fatalf("dial: %v, protocol %q, want none", err, response.Header.Get("Sec-WebSocket-Protocol"))
	}
	message := []byte(`{"type":"auth","token":"` + f.issue(nil).Token.Reveal() + `"}`)
	if err := conn.Write(t.Context(), websocket.MessageText, message); err != nil {
		t.Fatal(err)
	}
	kind, text, err := conn.Read(t.Context())
	if err != nil || kind != websocket.MessageText || !bytes.Contains(text, []byte("auth_ok")) {
		t.Fatalf("read %v %s, %v, want auth_ok", kind, text, err)
	}
	if hello := converse(t, conn); hello["userId"] != "alice" {
		t.Errorf("greeting %v, want alice's", hello)
	}
}
