package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/wsframe"
	"wsticket/ticket"
	"wsticket/ws"
)

// peer is the client's end of a connection in a bubble, where time is exact. A
// pipe has no buffer: if the peer does not read, every write waits, as with a
// closed TCP window.
type peer struct {
	conn  net.Conn
	start time.Time
	done  chan struct{} // closed when the Handler has returned
	sent  []string      // what it got: frames with the time of each, by hear
}

// connectPipe makes a handshake without a credential over a pipe.
func connectPipe(t *testing.T, redeem redeemFunc) *peer {
	t.Helper()
	handler := bare(t, redeem, func(context.Context, *websocket.Conn, ticket.Grant) error {
		t.Error("the endpoint ran")
		return nil
	}, nil)
	client, server := net.Pipe()
	p := &peer{conn: client, start: time.Now(), done: make(chan struct{})}
	r := handshakeRequest("/ws")
	go func() { // ends with the connection
		handler.ServeHTTP(hijacker{httptest.NewRecorder(), server}, r)
		close(p.done)
	}()
	if err := skipHeader(client); err != nil {
		t.Fatal(err)
	}
	return p
}

// hear notes every frame that comes, with its time, and the end.
func (p *peer) hear(t *testing.T) {
	from := bufio.NewReader(p.conn)
	for {
		start, err := from.Peek(2)
		if err != nil {
			p.note("end")
			return
		}
		head, size, fault := wsframe.ParseHeader(start)
		payload := make([]byte, size+int(head.Length))
		if _, err := io.ReadFull(from, payload); fault != "" || err != nil {
			t.Errorf("a broken frame: %q, %v", fault, err)
			return
		}
		switch payload = payload[size:]; head.Opcode {
		case wsframe.Pong:
		case wsframe.Close:
			p.note(fmt.Sprint(binary.BigEndian.Uint16(payload), " ", string(payload[2:])))
		default:
			p.note(string(payload))
		}
	}
}

func (p *peer) note(what string) {
	p.sent = append(p.sent, fmt.Sprint(time.Since(p.start), " ", what))
}

// Rows that end by a time-out. Whatever the peer and the store do, the
// connection is closed 1.5 seconds after the time for the first message.
func TestTimeBeforeAuthentication(t *testing.T) {
	hang := func(ctx context.Context) (ticket.Grant, error) {
		<-ctx.Done()
		return ticket.Grant{}, ctx.Err()
	}
	refuse := func(context.Context) (ticket.Grant, error) { return ticket.Grant{}, ticket.ErrNotFound }
	timeout := []string{"5s 4001 " + authTimeout, "6s end"}
	deaf := []string{}
	tests := []struct {
		rule   string
		redeem redeemFunc
		reads  bool
		// talk writes until the connection is over.
		talk func(*peer)
		want []string
		over time.Duration // since the handshake
	}{
		{"W1 and W26: silence, and no answer to our close frame", refuse, true, silence, timeout, 6 * time.Second},
		{"W2 one byte a second", refuse, true, drip(auth(wellFormed), time.Second), timeout, 6 * time.Second},
		{"W2 a byte of a handshake that never ends", refuse, true, drip(frame(opText, "{"), time.Second), timeout, 6 * time.Second},
		{"W3 a ping every 100 ms", refuse, true, every(frame(opPing, ""), 100*time.Millisecond), timeout, 6 * time.Second},
		{"messages of another type, in time", refuse, true, every(frame(opText, `{"type":"x"}`), 100*time.Millisecond), timeout, 6 * time.Second},
		{"W6 half a header", refuse, true, once(frame(opText, "")[:1], 0), timeout, 6 * time.Second},
		{"W6 a header without its payload", refuse, true, once(auth(wellFormed)[:20], 0), timeout, 6 * time.Second},
		{
			"an honest peer, though late, is not waited for", refuse, true, once(frame(opClose, "\x0f\xa1"), 5*time.Second+time.Millisecond),
			[]string{"5s 4001 " + authTimeout, "5.001s end"},
			5001 * time.Millisecond,
		},
		{
			"W26 a wrong ticket, and no answer to our close frame", refuse, true, once(auth(wellFormed), time.Second),
			[]string{`1s {"type":"auth_fail","code":"invalid_ticket"}`, "1s 4001 " + authFailed, "2s end"},
			2 * time.Second,
		},
		{
			"a flood behind our close frame", refuse, true, every(auth(wellFormed), 10*time.Millisecond),
			[]string{`10ms {"type":"auth_fail","code":"invalid_ticket"}`, "10ms 4001 " + authFailed, "1.01s end"},
			1010 * time.Millisecond,
		},
		{
			"a store that hangs", hang, true, once(auth(wellFormed), 0),
			[]string{`5s {"type":"auth_fail","code":"unavailable"}`, "5s 1013 overload", "6s end"},
			6 * time.Second,
		},
		{
			"a store that hangs on the last message in time", hang, true, once(auth(wellFormed), 4999*time.Millisecond),
			[]string{`5.5s {"type":"auth_fail","code":"unavailable"}`, "5.5s 1013 overload", "6.5s end"},
			6500 * time.Millisecond,
		},
		{"never reads, silent", refuse, false, silence, deaf, 6 * time.Second},
		{"never reads, pings", refuse, false, every(frame(opPing, ""), time.Millisecond), deaf, 1001 * time.Millisecond},
		{"never reads, pings at the last moment", refuse, false, once(frame(opPing, ""), 4999*time.Millisecond), deaf, 5 * time.Second},
		{"never reads, a wrong ticket", refuse, false, once(auth(wellFormed), 0), deaf, time.Second},
		{
			"never reads, a good ticket", func(context.Context) (ticket.Grant, error) { return ticket.Grant{}, nil },
			false, once(auth(wellFormed), 0), deaf, time.Second,
		},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connectPipe(t, tt.redeem)
				var busy sync.WaitGroup
				busy.Go(func() { tt.talk(p) })
				if tt.reads {
					busy.Go(func() { p.hear(t) })
				}
				<-p.done
				if took := time.Since(p.start); took != tt.over {
					t.Errorf("it is over after %s, want %s", took, tt.over)
				}
				busy.Wait()
				if fmt.Sprint(p.sent) != fmt.Sprint(tt.want) {
					t.Errorf("the peer got %q, want %q", p.sent, tt.want)
				}
			})
		})
	}
}

func silence(*peer) {}

func once(text string, at time.Duration) func(*peer) {
	return func(p *peer) {
		if p.wait(at) {
			_, _ = io.WriteString(p.conn, text)
		}
	}
}

func every(text string, pause time.Duration) func(*peer) {
	return func(p *peer) {
		for p.wait(pause) {
			_, _ = io.WriteString(p.conn, text)
		}
	}
}

func drip(text string, pause time.Duration) func(*peer) {
	return func(p *peer) {
		for i := 0; i < len(text) && p.wait(pause); i++ {
			_, _ = io.WriteString(p.conn, text[i:i+1])
		}
	}
}

// wait is false if the connection is over.
func (p *peer) wait(pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-p.done:
		return false
	}
}

// A shorter time is the configured one.
func TestAuthTimeout(t *testing.T) {
	f := messageFixture(t, func(s *setup) { s.ws.AuthTimeout = 50 * time.Millisecond })
	text, code, reason := f.await(t, "").farewell(t)
	if text != "" || code != 4001 || reason != authTimeout {
		t.Errorf("got %q, close %d %q, want only 4001 %q", text, code, reason, authTimeout)
	}
	f.settled(t, "auth_timeout")
}

// A slow peer does not keep the others waiting.
func TestSlowPeersAreAlone(t *testing.T) {
	f := messageFixture(t, nil)
	for range 10 {
		f.await(t, auth(goodBearer)[:5])
	}
	f.await(t, auth(goodBearer)).authenticated(t)
	if got := f.connect(t); got.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("by query: status %d, want 101", got.StatusCode)
	}
}

// Over TLS, where a deadline that passes must not spoil what is written next.
func TestFirstMessageOverTLS(t *testing.T) {
	f := messageFixture(t, nil)
	for timeout, token := range map[time.Duration]string{time.Minute: goodBearer, 50 * time.Millisecond: ""} {
		server := httptest.NewTLSServer(bare(t, f, ws.Echo, func(s *setup) {
			s.gate.Authenticator, s.ws.AuthTimeout = fakeAuth{}, timeout
		}))
		t.Cleanup(server.Close)
		conn, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{HTTPClient: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.CloseNow() }()
		if token == "" {
			_, _, err := conn.Read(t.Context())
			if closed, ok := errors.AsType[websocket.CloseError](err); !ok || closed.Code != 4001 || closed.Reason != authTimeout {
				t.Errorf("silence: %v, want close 4001 %s", err, authTimeout)
			}
			continue
		}
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"auth","token":"`+token+`"}`)); err != nil {
			t.Fatal(err)
		}
		if _, text, err := conn.Read(t.Context()); err != nil || !bytes.Contains(text, []byte("auth_ok")) {
			t.Errorf("a bearer: %s, %v, want auth_ok", text, err)
		}
	}
}
