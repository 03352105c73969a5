package ws_test

import (
	"context"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/wsframe"
	"wsticket/ticket"
	"wsticket/ws"
)

// An Endpoint gets nothing of a frame that RFC 6455 forbids, and the client 1002.
func TestFrameFaultsOfEndpoint(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.ws.Endpoint = ws.Echo })
	for _, tt := range test.FrameFaults() {
		if !tt.Client || tt.Deflate {
			continue
		}
		t.Run(tt.Rule, func(t *testing.T) {
			t.Parallel()
			issued := f.issue(nil)
			got := f.send(t, strings.ReplaceAll(request(query), "$T", issued.Token.Reveal()))
			_, _ = got.readFrame(t) // the greeting
			got.say(t, tt.Before)
			if _, text := got.readFrame(t); text != "whole" {
				t.Errorf("echo %q of the message before, want %q", text, "whole")
			}
			got.say(t, tt.Bad, "rubbish")
			opcode, payload := got.readFrame(t)
			for ; opcode == opPong; opcode, payload = got.readFrame(t) {
			}
			if code, reason, _ := wsframe.ParseClose([]byte(payload)); opcode != opClose || code != 1002 || reason != "protocol error" {
				t.Errorf("got opcode %X, code %d %q, want a close frame, 1002 protocol error", opcode, code, reason)
			}
			_ = got.conn.Close()
			e := f.events.Await(t, "the end", func(e ticket.Event) bool { return e.Kind == ticket.EventDisconnect && e.TicketID == issued.ID })
			want := ticket.Closed{Code: 1002, By: ticket.ByServer, Fault: string(tt.Fault), FaultBy: ticket.ByClient}
			if e.Closed != want {
				t.Errorf("event with %+v, want %+v", e.Closed, want)
			}
		})
	}
}

// What comes before the fault arrives, however it is cut, and nothing behind it.
func TestFramesInPieces(t *testing.T) {
	begun, rest := test.Fragment(test.Masked(wsframe.Text, "hel")), test.Masked(wsframe.Continuation, "lo")
	f := newFixture(t, func(s *setup) {
		s.ws.Endpoint = func(ctx context.Context, conn *websocket.Conn, _ ticket.Grant) error {
			for {
				_, message, err := conn.Read(ctx)
				if err != nil {
					return err
				}
				if err := conn.Write(ctx, websocket.MessageText, message); err != nil {
					return err
				}
			}
		}
	})
	stream := begun + test.Masked(wsframe.Ping, "") + rest + test.Masked(wsframe.Binary, "") + test.Masked(0x3, "x")
	for cut := range len(stream) {
		issued := f.issue(nil)
		got := f.send(t, strings.ReplaceAll(request(query), "$T", issued.Token.Reveal())+stream[:cut])
		for _, b := range []byte(stream[cut:]) {
			_, _ = got.conn.Write([]byte{b})
		}
		var seen []string
		for {
			opcode, payload := got.readFrame(t)
			if opcode == opClose {
				break
			}
			seen = append(seen, string([]byte{'0' + opcode})+payload)
		}
		if text := strings.Join(seen, " "); text != ":"+" 1hello 1" {
			t.Errorf("cut at %d: got %q, want a pong and two messages", cut, text)
		}
		_ = got.conn.Close()
		f.events.Await(t, "the end", func(e ticket.Event) bool {
			return e.Kind == ticket.EventDisconnect && e.TicketID == issued.ID && e.Closed.Code == 1002
		})
	}
}
