package relay_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wsticket/internal/relay"
	"wsticket/internal/test"
	"wsticket/internal/upgrade"
	"wsticket/internal/wsframe"
)

// patience limits how long a test waits for what has to happen.
const patience = 30 * time.Second

// peer is one end of a tunnel.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func newPeer(t testing.TB, conn net.Conn, in *bufio.Reader) *peer {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &peer{t, conn, in}
}

// send writes the pieces at once.
func (p *peer) send(pieces ...string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, strings.Join(pieces, "")); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// expect reads as many bytes as the pieces have, and compares.
func (p *peer) expect(pieces ...string) {
	p.t.Helper()
	want := strings.Join(pieces, "")
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.in, got)
	if err != nil || string(got) != want {
		p.t.Fatalf("got %.200q, %v, want %.200q", got[:n], err, want)
	}
}

// expectClose reads frames up to a close frame, which must have this code and
// reason.
func (p *peer) expectClose(code uint16, reason string) {
	p.t.Helper()
	for {
		h, payload := p.frame()
		if h.Opcode != wsframe.Close {
			continue
		}
		got, text, ok := wsframe.ParseClose(payload)
		if !ok || got != code || text != reason {
			p.t.Fatalf("close frame %d %q, want %d %q", got, text, code, reason)
		}
		return
	}
}

// frame reads a frame and unmasks it.
func (p *peer) frame() (wsframe.Header, []byte) {
	p.t.Helper()
	head, err := p.in.Peek(2)
	if err == nil {
		head, err = p.in.Peek(wsframe.HeaderSize(head[1]))
	}
	if err != nil {
		p.t.Fatalf("read a header: got %q, %v", head, err)
	}
	h, size, fault := wsframe.ParseHeader(head)
	if fault != "" {
		p.t.Fatalf("header %q: %v", head, fault)
	}
	_, _ = p.in.Discard(size)
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(p.in, payload); err != nil {
		p.t.Fatalf("read a payload: %v", err)
	}
	if h.Masked {
		wsframe.Unmask(payload, h.Mask)
	}
	return h, payload
}

// expectEnd expects the end of the stream and nothing before it.
func (p *peer) expectEnd() {
	p.t.Helper()
	rest, err := io.ReadAll(p.in)
	if err != nil || len(rest) > 0 {
		p.t.Fatalf("got %.200q, %v, want the end", rest, err)
	}
}

// expectCut expects the connection to end, in any way.
func (p *peer) expectCut() {
	p.t.Helper()
	if _, err := io.Copy(io.Discard, p.in); err != nil && !isReset(err) {
		p.t.Fatalf("got %v, want the end", err)
	}
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrUnexpectedEOF)
}

// closeWrite half-closes the connection.
func (p *peer) closeWrite() {
	p.t.Helper()
	half, ok := p.conn.(interface{ CloseWrite() error })
	if !ok {
		p.t.Fatalf("%T cannot be closed by half", p.conn)
	}
	if err := half.CloseWrite(); err != nil {
		p.t.Fatal(err)
	}
}

// discard closes a connection with a reset.
func discard(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Frames of a client and of a server, and changes of them.
var masked, plain, fragment, rsv = test.Masked, test.Plain, test.Fragment, test.Reserved

func closing(code uint16, reason string) string { return string(wsframe.ClosePayload(code, reason)) }

// header returns the header of a client's frame whose payload has this size.
func header(op wsframe.Opcode, size uint64) string {
	long := binary.BigEndian.AppendUint64([]byte{0x80 | byte(op), 0x80 | 127}, size)
	return string(long) + "\x01\x02\x03\x04"
}

// application listens until the test ends. It calls serve with each connection and
// its handshake, and returns its address.
func application(t testing.TB, serve func(p *peer, r *http.Request)) string {
	t.Helper()
	return applicationOn(t, listen(t, "tcp", "127.0.0.1:0"), serve)
}

func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func applicationOn(t testing.TB, l net.Listener, serve func(p *peer, r *http.Request)) string {
	t.Helper()
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				in := bufio.NewReader(conn)
				if r, err := http.ReadRequest(in); err == nil {
					serve(newPeer(t, conn, in), r)
				}
			})
		}
	})
	return l.Addr().String()
}

// saying starts an application that answers with these bytes.
func saying(t testing.TB, text string) string {
	t.Helper()
	return application(t, func(p *peer, _ *http.Request) {
		_, _ = io.WriteString(p.conn, text)
		_ = p.conn.Close()
	})
}

// fixture is a server with a relay, and what the relay reports.
type fixture struct {
	t       testing.TB
	relay   *relay.Relay
	server  *httptest.Server
	apps    chan *peer
	tunnels chan *relay.Tunnel
	results chan relay.Result
	errs    chan error
	// What the package around the relay adds to the response.
	header      http.Header
	subprotocol string
}

// newFixture starts a relay to an application that accepts all handshakes, unless
// change sets another one.
func newFixture(t testing.TB, change func(*relay.Options)) *fixture {
	t.Helper()
	o := relay.Options{Linger: patience, HandshakeTimeout: patience, DialTimeout: patience, WriteTimeout: patience}
	if change != nil {
		change(&o)
	}
	f := emptyFixture(t)
	if o.Upstream == "" {
		o.Upstream = "http://" + application(t, f.accept)
	}
	f.serve(o, (*httptest.Server).Start)
	return f
}

func emptyFixture(t testing.TB) *fixture {
	t.Helper()
	return &fixture{
		t: t, apps: make(chan *peer, 1), errs: make(chan error, 1),
		tunnels: make(chan *relay.Tunnel, 1), results: make(chan relay.Result, 1),
	}
}

func (f *fixture) serve(o relay.Options, start func(*httptest.Server)) {
	f.t.Helper()
	var err error
	if f.relay, err = relay.New(o); err != nil {
		f.t.Fatal(err)
	}
	f.server = httptest.NewUnstartedServer(f)
	f.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	start(f.server)
	f.t.Cleanup(func() {
		f.server.Close()
		// Both peers of each tunnel are closed now.
		test.Wait(f.t, "the tunnels end", func() bool { return f.relay.Stats().Open == 0 })
	})
}

func (f *fixture) accept(p *peer, r *http.Request) {
	_, _ = io.WriteString(p.conn, switching(r.Header.Get("Sec-WebSocket-Key")))
	f.apps <- p
}

// ServeHTTP does what the package around the relay does.
func (f *fixture) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	a, err := f.relay.Open(in.Context(), f.relay.Outbound(in, false))
	if err != nil {
		select {
		case f.errs <- err:
		default:
			f.t.Errorf("open: %v", err)
		}
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer a.Close()
	maps.Copy(w.Header(), f.header)
	if !a.Switched() {
		a.Refuse(w)
		return
	}
	if f.subprotocol != "" {
		w.Header().Set("Sec-WebSocket-Protocol", f.subprotocol)
	}
	tunnel, err := accept(a, w, in, func(r relay.Result) { f.results <- r })
	if err != nil {
		f.t.Errorf("accept: %v", err)
		return
	}
	f.tunnels <- tunnel
}

// accept answers the client 101 with the application's header, and joins them.
func accept(a *relay.Answer, w http.ResponseWriter, in *http.Request, ended func(relay.Result)) (*relay.Tunnel, error) {
	client, err := upgrade.Accept(w, in.Header.Get("Sec-WebSocket-Key"), a.Header())
	if err != nil {
		return nil, err
	}
	return a.Join(client.Conn, client.Early(), ended)
}

const request = "GET /ws HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n"

func (f *fixture) connect() (net.Conn, error) {
	return (&net.Dialer{}).DialContext(f.t.Context(), "tcp", f.server.Listener.Addr().String())
}

// dial connects and sends text: a handshake and perhaps more.
func (f *fixture) dial(text string) *peer {
	f.t.Helper()
	conn, err := f.connect()
	if err != nil {
		f.t.Fatal(err)
	}
	if f.server.TLS != nil {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // it is self-signed
	}
	p := newPeer(f.t, conn, bufio.NewReader(conn))
	p.send(text)
	return p
}

// answer is an HTTP response.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *peer) readAnswer() (answer, error) {
	response, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

func (p *peer) answer() answer {
	p.t.Helper()
	got, err := p.readAnswer()
	if err != nil {
		p.t.Fatalf("read the answer: %v", err)
	}
	return got
}

// open opens a tunnel and returns its two peers.
func (f *fixture) open() (client, app *peer, tunnel *relay.Tunnel) {
	f.t.Helper()
	client = f.dial(request)
	if got := client.answer().status; got != http.StatusSwitchingProtocols {
		f.t.Fatalf("status %d, want 101", got)
	}
	return client, next(f.t, f.apps), next(f.t, f.tunnels)
}

// open opens a tunnel of a fixture of its own.
func open(t testing.TB, change func(*relay.Options)) (f *fixture, client, app *peer, tunnel *relay.Tunnel) {
	t.Helper()
	f = newFixture(t, change)
	client, app, tunnel = f.open()
	return f, client, app, tunnel
}

// next returns the next value from a channel.
func next[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	select {
	case v := <-c:
		return v
	case <-ctx.Done():
		t.Fatalf("no %T in time", *new(T))
		panic("unreachable")
	}
}

// expectResult waits for the end of a tunnel.
func (f *fixture) expectResult(code uint16, by string) relay.Result {
	f.t.Helper()
	got := next(f.t, f.results)
	if got.Code != code || got.By != by {
		f.t.Errorf("ended with %d by %s, want %d by %s", got.Code, got.By, code, by)
	}
	return got
}

// leave closes both peers and waits for the end of their tunnel.
func (f *fixture) leave(client, app *peer) {
	f.t.Helper()
	_, _ = client.conn.Close(), app.conn.Close()
	next(f.t, f.results)
}

// leaveAfter closes both peers of a tunnel that has ended with code.
func (f *fixture) leaveAfter(client, app *peer, code uint16, by string) relay.Result {
	f.t.Helper()
	_, _ = client.conn.Close(), app.conn.Close()
	return f.expectResult(code, by)
}

// flood sends frames from both peers, which read nothing, until the tunnel ends.
// The caller waits for that.
func flood(client, app *peer) *sync.WaitGroup {
	var sending sync.WaitGroup
	sending.Go(func() { client.flood(masked) })
	sending.Go(func() { app.flood(plain) })
	return &sending
}

// flood sends frames until the tunnel ends.
func (p *peer) flood(frame func(wsframe.Opcode, string) string) {
	message := frame(wsframe.Binary, string(make([]byte, 1<<20)))
	for {
		if _, err := io.WriteString(p.conn, message); err != nil {
			return
		}
	}
}
