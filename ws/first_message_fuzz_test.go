package ws_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/wsframe"
	"wsticket/ticket"
)

// script is a socket whose peer has sent everything.
type script struct {
	in      io.Reader
	out     bytes.Buffer
	closed  bool
	granted bool // somebody has said yes
}

func (s *script) Read(p []byte) (int, error) { return s.in.Read(p) }

func (s *script) Write(p []byte) (int, error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	return s.out.Write(p)
}

func (s *script) Close() error                   { s.closed = true; return nil }
func (*script) LocalAddr() net.Addr              { return nil }
func (*script) RemoteAddr() net.Addr             { return nil }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// Redeem implements [gate.Redeemer].
func (s *script) Redeem(_ context.Context, token ticket.Token, _ ticket.Presentation) (ticket.Grant, error) {
	if token.Reveal() != wellFormed {
		return ticket.Grant{}, ticket.ErrNotFound
	}
	s.granted = true
	return ticket.Grant{ID: "id"}, nil
}

// Authenticate implements [gate.Authenticator].
func (s *script) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	identity, err := fakeAuth{}.Authenticate(ctx, bearer)
	s.granted = s.granted || err == nil && bearer.Reveal() == goodBearer
	return identity, err
}

// For all input before authentication there is no panic, the Endpoint does not
// run without a grant, all frames that are sent are complete and of known
// kinds, and the exchange ends.
func FuzzFirstMessage(f *testing.F) {
	for _, seed := range []string{
		"", auth(wellFormed), auth(wellFormed) + frame(opText, "after") + frame(opClose, "\x03\xe8"), auth("wst1_x"), auth("x.y.z"),
		frame(opPing, "x") + frame(opPong, "") + frame(opBinary, "y") + frame(opText, `{"type":"x"}`) + auth(wellFormed),
		head(0x01, 0x80) + head(0x00, 0x80), head(0x80, 0x80), long(0x81, 1<<30), long(0x82, 1<<63), frame(opClose, "\x0f\xa0"),
		frame(opText, "\xff"), frame(opText, `{"type":"auth","token":1}`), head(0xc1, 0x80), head(0x81, 0), frame(opText, auth(wellFormed)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		s := &script{in: bytes.NewReader(input)}
		ran := false
		handler := bare(t, s, func(context.Context, *websocket.Conn, ticket.Grant) error {
			ran = true
			return nil
		}, func(o *setup) { o.gate.Authenticator = s })
		handler.ServeHTTP(hijacker{httptest.NewRecorder(), s}, handshakeRequest("/ws"))
		if ran && !s.granted {
			t.Error("the endpoint ran without a grant")
		}
		if !s.closed {
			t.Error("the connection is left open")
		}
		_, frames, ok := bytes.Cut(s.out.Bytes(), []byte("\r\n\r\n"))
		if !ok {
			t.Fatalf("no 101 in %q", s.out.Bytes())
		}
		checkAnswers(t, frames, ran)
	})
}

// checkAnswers reads what a peer got: pongs, then at most one answer to the
// auth message, which says whether it is admitted, then at most one close frame.
func checkAnswers(t *testing.T, out []byte, in bool) {
	t.Helper()
	welcomed, last := false, wsframe.Pong
	for len(out) > 0 {
		h, size, fault := wsframe.ParseHeader(out)
		if fault != "" || size == 0 || h.Masked || !h.Fin || h.RSV != 0 || len(out) < size+int(h.Length) {
			t.Fatalf("a broken frame in %q: %+v, %v", out, h, fault)
		}
		payload := out[size : size+int(h.Length)]
		out = out[size+int(h.Length):]
		switch {
		case last == wsframe.Close:
			t.Fatalf("a frame behind the close frame: %+v", h)
		case h.Opcode == wsframe.Pong && last == wsframe.Pong:
		case h.Opcode == wsframe.Text && last == wsframe.Pong:
			welcomed = bytes.HasPrefix(payload, []byte(`{"type":"auth_ok",`))
		case h.Opcode == wsframe.Close:
			if _, _, ok := wsframe.ParseClose(payload); !ok {
				t.Fatalf("a close frame with %q", payload)
			}
		default:
			t.Fatalf("a frame of kind %d behind one of kind %d", h.Opcode, last)
		}
		last = h.Opcode
	}
	if welcomed != in {
		t.Errorf("welcomed: %t, in: %t, want the same", welcomed, in)
	}
}
