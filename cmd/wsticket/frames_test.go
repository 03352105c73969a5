package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"wsticket/internal/test"
	"wsticket/internal/upgrade"
	"wsticket/internal/wsframe"
	"wsticket/ticket"
)

// rawPeer is one side of a WebSocket, as bytes.
type rawPeer struct {
	net.Conn
	in *bufio.Reader
}

// rawApplication starts an application that accepts every handshake and checks
// nothing of what follows. It returns its URL and its connections.
func rawApplication(t *testing.T) (string, <-chan rawPeer) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conns := make(chan rawPeer, 1)
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			in := bufio.NewReader(conn)
			if r, err := http.ReadRequest(in); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
					"Sec-WebSocket-Accept: "+upgrade.AcceptKey(r.Header.Get("Sec-Websocket-Key"))+"\r\n\r\n")
				conns <- rawPeer{conn, in}
			}
		}
	}()
	return "http://" + l.Addr().String(), conns
}

// rawClient opens a WebSocket with a ticket.
func (p *process) rawClient(t *testing.T, token string) rawPeer {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", p.public)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "GET /ws?ticket="+token+" HTTP/1.1\r\nHost: "+p.public+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+test.HandshakeKey+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d, want 101", res.StatusCode)
	}
	return rawPeer{conn, in}
}

// wantClose checks that a peer receives these bytes, and then a close frame.
func (p rawPeer) wantClose(t *testing.T, who, before string, want ticket.Ending) {
	t.Helper()
	got := make([]byte, len(before))
	if n, err := io.ReadFull(p.in, got); err != nil || string(got) != before {
		t.Errorf("the %s got %.200q, %v, want %.200q", who, got[:n], err, before)
		return
	}
	start, err := p.in.Peek(2)
	if err == nil {
		start, err = p.in.Peek(wsframe.HeaderSize(start[1]))
	}
	head, size, fault := wsframe.ParseHeader(start)
	if err != nil || fault != "" || head.Opcode != wsframe.Close {
		t.Errorf("the %s got %q, %v, want a close frame", who, start, err)
		return
	}
	frame, err := p.in.Peek(size + int(head.Length))
	if err != nil {
		t.Errorf("the %s got half a close frame: %v", who, err)
		return
	}
	payload := frame[size:]
	wsframe.Unmask(payload, head.Mask)
	if code, reason, _ := wsframe.ParseClose(payload); (ticket.Ending{Code: code, Reason: reason}) != want {
		t.Errorf("the %s got close frame %d %q, want %+v", who, code, reason, want)
	}
}

// TestFrameAttacks: whatever a peer does with frames, the other one gets none
// that RFC 6455 forbids, and ws.max_message holds.
func TestFrameAttacks(t *testing.T) {
	t.Parallel()
	masked, plain := test.Masked, test.Plain
	const rsv1 = 4
	part := test.Fragment(masked(wsframe.Text, strings.Repeat("a", 900)))

	address, applications := rawApplication(t)
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "ws.upstream="+address, "--set", "ws.max_message=1KiB")
	bearer := idp.bearer(t, "alice")
	for _, tt := range []struct {
		rule, from, before, bad string
		fault                   wsframe.Fault
	}{
		{"a message of 3 KiB in parts that all begin one", "client", part, part + part, wsframe.FaultInterleaved},
		{"a whole message within one", "client", part, masked(wsframe.Binary, strings.Repeat("b", 900)), wsframe.FaultInterleaved},
		{"the end of no message", "client", "", masked(wsframe.Continuation, "x"), wsframe.FaultContinuation},
		{"an unmasked frame", "client", masked(wsframe.Text, "hello"), plain(wsframe.Text, "smuggled"), wsframe.FaultMask},
		{"a ping of 126 bytes", "client", "", masked(wsframe.Ping, strings.Repeat("p", 126)), wsframe.FaultControlLength},
		{"a ping of 60 KiB, which ws.max_message does not count", "client", "", masked(wsframe.Ping, strings.Repeat("p", 60<<10)), wsframe.FaultControlLength},
		{"a fragmented ping", "client", "", test.Fragment(masked(wsframe.Ping, "p")), wsframe.FaultControlFragment},
		{"a reserved opcode", "client", "", masked(0x3, "x"), wsframe.FaultOpcode},
		{"a reserved control opcode", "client", "", masked(0xB, "x"), wsframe.FaultOpcode},
		{"compression that was not agreed on", "client", "", test.Reserved(rsv1, masked(wsframe.Text, "x")), wsframe.FaultReservedBit},
		{"a close code that stands for a lost connection", "client", "", masked(wsframe.Close, "\x03\xee"), wsframe.FaultClose},
		{"a request is no frame", "client", "", "GET / HTTP/1.1\r\nHost: internal\r\n\r\n", wsframe.FaultOpcode},
		{"a masked frame", "upstream", plain(wsframe.Text, "hello"), masked(wsframe.Text, "x"), wsframe.FaultMask},
		{"an error page within the stream", "upstream", "", "HTTP/1.1 500 Internal Server Error\r\n\r\n", wsframe.FaultControlFragment},
		{"a message within one", "upstream", test.Fragment(plain(wsframe.Text, "begun")), plain(wsframe.Text, "x"), wsframe.FaultInterleaved},
	} {
		t.Run(tt.rule+" from the "+tt.from, func(t *testing.T) {
			issued := issue(t, p.public, bearer)
			client := p.rawClient(t, issued.Ticket)
			application := <-applications
			sender := client
			if tt.from == "upstream" {
				sender = application
			}
			if _, err := io.WriteString(sender, tt.before+tt.bad); err != nil {
				t.Fatal(err)
			}
			if tt.from == "client" {
				application.wantClose(t, "application", tt.before, ticket.Ending{Code: 1001})
				client.wantClose(t, "client", "", ticket.EndProtocolError)
			} else {
				client.wantClose(t, "client", tt.before, ticket.EndProtocolError)
				application.wantClose(t, "application", "", ticket.EndProtocolError)
			}
			_, _ = client.Close(), application.Close()
			p.stderr.WaitFor(t, `"msg":"connection closed"`, `"ticket_id":"`+issued.TicketID+`"`, `"close_code":1002,"by":"relay"`,
				`"fault":"`+string(tt.fault)+`","fault_by":"`+tt.from+`"`)
		})
	}
	p.hasMetrics(t, `wsticket_frame_faults_total{from="client"} 12`, `wsticket_frame_faults_total{from="upstream"} 3`)
}

// TestCompressionPassesTheRelay: two implementations compress through the relay.
func TestCompressionPassesTheRelay(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			InsecureSkipVerify: true, CompressionMode: websocket.CompressionNoContextTakeover, CompressionThreshold: 1,
		})
		if err != nil {
			return // the library has answered
		}
		defer conn.CloseNow() //nolint:errcheck // The client leaves.
		conn.SetReadLimit(-1)
		for {
			kind, message, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	}))
	t.Cleanup(application.Close)
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "ws.upstream="+application.URL)
	issued := issue(t, p.public, idp.bearer(t, "alice"))
	dialer := gorilla.Dialer{EnableCompression: true}
	conn, res, err := dialer.DialContext(t.Context(), "ws://"+p.public+"/ws?ticket="+issued.Ticket, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := res.Header.Get("Sec-Websocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate") {
		t.Fatalf("extensions %q, want permessage-deflate", got)
	}
	const size = 200 << 10 // is a message over ws.max_message unless it is compressed
	for i := range 3 {
		sent := strings.Repeat(strconv.Itoa(i), size)
		if err := conn.WriteMessage(gorilla.TextMessage, []byte(sent)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.ReadMessage(); err != nil || string(got) != sent {
			t.Fatalf("message %d: %d bytes came back, %v, want what was sent", i, len(got), err)
		}
	}
	if err := conn.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(4000, "bye")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); !gorilla.IsCloseError(err, 4000) {
		t.Errorf("got %v, want close 4000", err)
	}
	logged := p.stderr.WaitFor(t, `"msg":"connection closed"`, `"close_code":4000,"by":"client"`, `"from_client":{"messages":3,`)
	if strings.Contains(logged, "fault") {
		t.Errorf("a fault was logged: %s", logged)
	}
}
