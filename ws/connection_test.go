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

	"wsticket/ticket"
	"wsticket/ws"
)

// open makes a connection to a server whose application is e.
func open(t *testing.T, e ws.Endpoint) (*fixture, answer) {
	t.Helper()
	f := newFixture(t, func(s *setup) { s.ws.Endpoint = e })
	got := f.send(t, strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal()))
	if got.StatusCode != switching {
		t.Fatalf("status %d, want 101", got.StatusCode)
	}
	return f, got
}

// What an Endpoint returns becomes the close code.
func TestCloseCode(t *testing.T) {
	long := strings.Repeat("x", 124)
	tests := []struct {
		rule   string
		result error
		code   uint16
		reason string
	}{
		{"nil is the end", nil, 1000, ""},
		{"an error is our fault, and its text stays here", errors.New(marker), 1011, "server error"},
		{"its own code", websocket.CloseError{Code: 4003, Reason: "revoked"}, 4003, "revoked"},
		{"its own code, wrapped", fmt.Errorf("%s: %w", marker, websocket.CloseError{Code: 1013}), 1013, ""},
		{"a code that no frame may hold", websocket.CloseError{Code: 1006}, 1011, "server error"},
		{"a code that there is not", websocket.CloseError{Code: 999}, 1011, "server error"},
		{"a reason that no frame can hold", websocket.CloseError{Code: 4003, Reason: long}, 1011, "server error"},
		{"somebody else's connection broke", fmt.Errorf("upstream: %w", io.EOF), 1011, "server error"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			f, got := open(t, func(context.Context, *websocket.Conn, ticket.Grant) error { return tt.result })
			code, reason := got.readClose(t)
			if code != int(tt.code) || reason != tt.reason {
				t.Errorf("closed with %d %q, want %d %q", code, reason, tt.code, tt.reason)
			}
			_, _ = io.WriteString(got.conn, frame(opClose, "\x03\xe8"))
			if e := f.disconnected(t, tt.code); e.Presentation.Door != ticket.DoorQuery || e.Duration <= 0 || e.Closed.By != ticket.ByUpstream {
				t.Errorf("event %+v, want the door, a duration, and the application", e)
			}
			f.noneOf(t, answer{Response: got.Response}, marker)
		})
	}
}

// The event has the close code, or 1006 for a client that left without one.
func TestCloseCodeInLog(t *testing.T) {
	tests := []struct {
		rule, send string
		leaves     bool // closes the socket behind it
		code       uint16
	}{
		{"the peer's own code", frame(opClose, "\x0f\xa5bye"), false, 4005},
		{"the peer gave no code", frame(opClose, ""), false, 1005},
		{"the peer is gone", "", true, 1006},
		{"the peer is gone in the middle of a frame", frame(opText, "hello")[:8], true, 1006},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			f, got := open(t, ws.Echo)
			_, _ = io.WriteString(got.conn, tt.send)
			_, _ = got.readFrame(t) // the greeting
			if tt.leaves {
				_ = got.conn.Close()
			}
			if e := f.disconnected(t, tt.code); e.Closed.By != ticket.ByClient {
				t.Errorf("closed by %s, want the client", e.Closed.By)
			}
		})
	}
}

// A peer that does not answer the close frame is cut after about a second.
func TestSilentPeerIsCut(t *testing.T) {
	start := time.Now()
	f, got := open(t, func(context.Context, *websocket.Conn, ticket.Grant) error { return nil })
	if code, _ := got.readClose(t); code != 1000 {
		t.Fatalf("close code %d, want 1000", code)
	}
	if n, err := got.rest.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("read %d bytes, %v, want the end of the connection", n, err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the connection lived for %s, want about 1s", took)
	}
	f.disconnected(t, 1000)
}

func TestPanicIsContained(t *testing.T) {
	type secretive struct{ secret string }
	f, got := open(t, func(context.Context, *websocket.Conn, ticket.Grant) error { panic(secretive{marker}) })
	if code, reason := got.readClose(t); code != 1011 || reason != "server error" {
		t.Errorf("closed with %d %q, want 1011", code, reason)
	}
	f.disconnected(t, 1011)
	line := f.logs.String()
	for _, want := range []string{`"type":"ws_test.secretive"`, "connection_test.go:", "TestPanicIsContained"} {
		if !strings.Contains(line, want) {
			t.Errorf("the log does not hold %q:\n%s", want, line)
		}
	}
	f.noneOf(t, answer{Response: got.Response}, marker)
	f.disconnected(t, 1011)
}

// The context of an Endpoint is not that of the request: a time limit on
// requests does not end it. The Handler ends it.
func TestEndpointContext(t *testing.T) {
	type contextKey struct{}
	limited, cancel := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "value"))
	var inner context.Context
	done := make(chan struct{})
	f := newFixture(t, func(s *setup) {
		s.ws.Endpoint = func(ctx context.Context, _ *websocket.Conn, _ ticket.Grant) error {
			cancel()
			inner = ctx
			if ctx.Err() != nil || ctx.Value(contextKey{}) != "value" {
				t.Errorf("the endpoint's context: %v, value %v, want a live one with the request's values", ctx.Err(), ctx.Value(contextKey{}))
			}
			return nil
		}
		s.front = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(done)
				next.ServeHTTP(w, r.WithContext(limited))
			})
		}
	})
	got := f.send(t, strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal()))
	if code, _ := got.readClose(t); code != 1000 {
		t.Errorf("close code %d, want 1000", code)
	}
	_ = got.conn.Close()
	<-done
	if !errors.Is(inner.Err(), context.Canceled) {
		t.Errorf("after the handler: %v, want %v", inner.Err(), context.Canceled)
	}
}

// Bytes that come with the handshake in one segment are the first frames.
func TestEarlyFrame(t *testing.T) {
	f := newFixture(t, nil)
	token := f.issue(nil).Token.Reveal()
	got := f.send(t, strings.ReplaceAll(request(query), "$T", token)+frame(opText, "early"))
	if _, hello := got.readFrame(t); !strings.HasPrefix(hello, `{"type":"hello","userId":"alice"`) {
		t.Errorf("greeting %q, want alice's", hello)
	}
	if opcode, payload := got.readFrame(t); opcode != opText || payload != "early" {
		t.Errorf("frame %d %q, want the early one back", opcode, payload)
	}
}

// A message larger than the bound is 1009, one of just that size is not.
func TestMaxMessage(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.ws.MaxMessage = 200 })
	got := f.send(t, strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal()))
	_, _ = io.WriteString(got.conn, frame(opText, strings.Repeat("a", 200)))
	_, _ = got.readFrame(t)
	if _, payload := got.readFrame(t); len(payload) != 200 {
		t.Errorf("echo of %d bytes, want 200", len(payload))
	}
	_, _ = io.WriteString(got.conn, frame(opText, strings.Repeat("a", 201)))
	if code, _ := got.readClose(t); code != 1009 {
		t.Errorf("close code %d, want 1009", code)
	}
	f.disconnected(t, 1009)
}
