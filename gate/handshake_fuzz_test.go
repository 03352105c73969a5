package gate

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gobwas/httphead"
	gobwas "github.com/gobwas/ws"

	"wsticket/internal/header"
	"wsticket/internal/test"
	"wsticket/internal/upgrade"
	"wsticket/ticket"
)

// FuzzHandshake compares the check of a handshake with those of gobwas/ws, which
// has a parser of its own for HTTP, and of coder/websocket on top of net/http.
// The input is what a client sends.
//
//   - What we accept they accept in the form in which an application gets it, so
//     that no ticket is spent for a handshake that it refuses. The answer to its key
//     is the same.
//   - What both of them accept we accept, unless a rule of [refusedOnPurpose] says
//     no, and nothing else. Both have to: each alone takes what RFC 6455 forbids.
//   - What we accept, we accept when a proxy asks about it.
func FuzzHandshake(f *testing.F) {
	const line = "GET /ws?ticket=x HTTP/1.1"
	for _, edits := range [][]string{
		nil,
		{"Connection: keep-alive, Upgrade"},
		{"+Connection: keep-alive"},
		{"Upgrade: websoc\u212aet"},
		{"+Upgrade: websoc\u212aet"},
		{"Upgrade: websocket, h2c"},
		{"Sec-WebSocket-Version: ,13"},
		{"+Sec-WebSocket-Version: 8"},
		{"+Sec-WebSocket-Version: 13"},
		{"+Sec-WebSocket-Version:"},
		{"+Sec-WebSocket-Key: " + test.HandshakeKey},
		{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="},
		{"Content-Length: 5"},
		{"Transfer-Encoding: chunked"},
		{"Expect: 100-continue"},
		{"+Sec-WebSocket-Extensions:"},
		{"+Sec-WebSocket-Extensions: ,"},
		{"+Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"},
		{"+Sec-WebSocket-Protocol: ,"},
		{"+Sec-WebSocket-Protocol: a, b"},
		{"-Host"},
		{"Host: a@b"},
		{"Host: a, b"},
		{"Upgrade: \u00a0websocket"},
		{"Host : x"},
		{"+Sec-WebSocket-Extensions: a", "+Sec-WebSocket-Extensions: ,, b;c=d"},
	} {
		f.Add(test.Handshake(line, edits...), []byte(nil))
		f.Add("", []byte(strings.Join(edits, "")))
	}
	f.Add(test.Handshake("GET http://user@api.example.com/ws HTTP/1.1"), []byte(nil))
	f.Add(test.Handshake("GET /ws HTTP/1.0"), []byte(nil))
	for _, target := range []string{"*", "x:y", "http:ws", "http://api.example.com", "http://a<b/ws", "http://%80/ws", "http://\x80/ws", "?ticket=x"} {
		f.Add(test.Handshake("GET "+target+" HTTP/1.1"), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, raw string, choices []byte) {
		checkHandshake(t, raw)
		checkHandshake(t, someHandshake(test.NewChoices(choices)))
	})
}

// someHandshake makes a handshake with up to three headers that are not as they
// should be.
func someHandshake(c *test.Choices) string {
	line := c.Pick("GET", "GET", "GET", "POST", "get", "CONNECT") + " " +
		c.Pick("/ws?ticket=x", "/", "http://api.example.com/ws", "http://u:p@api.example.com/ws", "*", "//ws", "/%zz", "x:y", "http:/ws") + " HTTP/" + c.Pick("1.1", "1.1", "1.1", "1.0", "1.2", "2.0")
	edits := make([]string, 0, 3)
	for range c.Below(4) {
		name := c.Pick("Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol",
			"Host", "Content-Length", "Transfer-Encoding", "Expect", "Origin", "connection", "Trailer")
		value := c.Pick("Upgrade", "keep-alive, Upgrade", "websocket", "WebSocket", "13", "", ",", ",13", "13, 8", "8", "013", "websocket,", "websocket/13",
			test.HandshakeKey, "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZQ==\t", "a, b", "a, A", "a b", "permessage-deflate; x=1", "x;",
			`x;y="a,b"`, "0", "5", "chunked", "100-continue", "api.example.com", "a@b", "a;b", "websoc\u212aet", "upgrade;q=1", "Upgrade\x0b", "\"Upgrade\"")
		edits = append(edits, c.Pick("", "+", "+", "-")+name+c.Pick(": ", ":", ":  ", " : ")+value)
	}
	return test.Handshake(line, edits...)
}

func checkHandshake(t *testing.T, raw string) {
	t.Helper()
	r, ours, coder := receivedBy(raw)
	if r == nil {
		return // net/http has refused it, or it is not complete
	}
	if ours == nil {
		checkAccepted(t, raw, r)
		return
	}
	if purpose := refusedOnPurpose(r); coder && acceptedByGobwas(raw) && purpose == "" {
		t.Errorf("%q: refused by %v, others accept it", raw, ours)
	}
}

// refusedOnPurpose names the rule by which a handshake is refused that the two
// libraries may accept.
func refusedOnPurpose(r *http.Request) string {
	keys := r.Header["Sec-Websocket-Key"]
	switch {
	case r.ProtoMinor != 1:
		return "HTTP/1.1 has the handshake (RFC 6455 4.1); what another version means is not known"
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0 || r.Header["Expect"] != nil:
		return "a body would be read as frames"
	case !protocolList.MatchString(strings.Join(r.Header["Upgrade"], ",")):
		return "a protocol is a token (RFC 9110 7.8): to both the Kelvin sign is a k"
	case r.URL.User != nil:
		return "a URL of http has no user in it (RFC 9110 4.2.4)"
	case !strings.HasPrefix(r.URL.RequestURI(), "/"):
		return "a WebSocket has a path (RFC 6455 3)"
	case !plainHost.MatchString(r.Host) || ticket.MayHoldToken(r.Host) || HoldsJWT(r.Host):
		return "a host is a name or an address with a port, and is passed on"
	case !slices.Equal(strings.FieldsFunc(strings.Join(r.Header["Sec-Websocket-Version"], ","), isBetween), []string{"13"}):
		return "the version is sent once (RFC 6455 11.3.5)"
	case len(keys) != 1 || !isCanonicalKey(keys[0]):
		return "the key is sent once (RFC 6455 11.3.1), and 16 bytes have one form in base64 (RFC 4648 3.5)"
	case !extensionList.MatchString(strings.Join(r.Header["Sec-Websocket-Extensions"], ",")):
		return "malformed extensions fail the handshake (RFC 6455 9.1)"
	default:
		return ""
	}
}

// plainHost has a name or address of RFC 3986 3.2.2 with a port, but for what
// separates the elements of a list.
var plainHost = regexp.MustCompile(`^[][A-Za-z0-9._~!$&'()*+=:%-]*$`)

func isBetween(c rune) bool { return strings.ContainsRune(", \t", c) }

func isCanonicalKey(text string) bool {
	key, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(key) == 16 && base64.StdEncoding.EncodeToString(key) == text
}

// checkAccepted checks a handshake that we accept against what the libraries say
// of the form in which an application gets it.
func checkAccepted(t *testing.T, raw string, r *http.Request) {
	t.Helper()
	if purpose := refusedOnPurpose(r); purpose != "" {
		t.Errorf("%q: accepted, but %s", raw, purpose)
	}
	if err := checkForwardedShape(r.Method, r.Header); err != nil {
		t.Errorf("%q: refused by %v when a proxy asks", raw, err)
	}
	offer, err := parseOffer(r.Header["Sec-Websocket-Protocol"])
	if err != nil {
		return
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	edits := []string{"Sec-WebSocket-Key: " + key}
	if protocols := offer.Application(); len(protocols) > 0 {
		edits = append(edits, "+Sec-WebSocket-Protocol: "+strings.Join(protocols, ", "))
	}
	for _, line := range header.WithoutEmpty(r.Header["Sec-Websocket-Extensions"]) {
		edits = append(edits, "+Sec-WebSocket-Extensions: "+line)
	}
	passedOn := test.Handshake("GET /ws HTTP/1.1", edits...)
	_, ours, coder := receivedBy(passedOn)
	if ours != nil || !coder {
		t.Errorf("%q: as %q refused by %v, coder accepts it: %t", raw, passedOn, ours, coder)
	}
	// httphead knows no tab.
	accept, err := gobwasAccept(strings.ReplaceAll(passedOn, "\t", " "))
	if err != nil || accept != upgrade.AcceptKey(key) {
		t.Errorf("%q: gobwas answers %q with %q, %v", raw, passedOn, accept, err)
	}
}

// receivedBy lets a server of net/http read a request. It returns nil where that
// has refused it, and what we and coder/websocket say.
func receivedBy(raw string) (received *http.Request, ours error, coder bool) {
	server := http.Server{
		ErrorLog:          log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if received != nil {
				return // a second request
			}
			received, ours = r, checkShape(r)
			// It asks for the connection when it has accepted the handshake.
			answer := httptest.NewRecorder()
			_, _ = websocket.Accept(answer, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
			coder = answer.Code == http.StatusNotImplemented
		}),
	}
	conn := &sentConn{Reader: strings.NewReader(raw), closed: make(chan struct{})}
	_ = server.Serve(&sentListener{conn})
	<-conn.closed
	return received, ours, coder
}

func acceptedByGobwas(raw string) bool {
	_, err := gobwasAccept(raw)
	return err == nil
}

// gobwasAccept returns the Sec-WebSocket-Accept of gobwas/ws, whose error is its
// refusal.
func gobwasAccept(raw string) (string, error) {
	upgrader := gobwas.Upgrader{
		Protocol:  func([]byte) bool { return true },
		Negotiate: func(httphead.Option) (httphead.Option, error) { return httphead.Option{}, nil },
	}
	var written bytes.Buffer
	if _, err := upgrader.Upgrade(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(raw), &written}); err != nil {
		return "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(&written), nil)
	if err != nil {
		return "", err
	}
	return answer.Header.Get("Sec-WebSocket-Accept"), answer.Body.Close()
}

// sentConn is a connection on which everything was sent already. What is answered
// is lost.
type sentConn struct {
	io.Reader
	once   sync.Once
	closed chan struct{}
}

func (c *sentConn) Write(p []byte) (int, error) { return len(p), nil }

func (c *sentConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (*sentConn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (*sentConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1024} }
func (*sentConn) SetDeadline(time.Time) error      { return nil }
func (*sentConn) SetReadDeadline(time.Time) error  { return nil }
func (*sentConn) SetWriteDeadline(time.Time) error { return nil }

// sentListener accepts one connection.
type sentListener struct{ conn net.Conn }

func (l *sentListener) Accept() (net.Conn, error) {
	conn := l.conn
	if l.conn = nil; conn == nil {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (*sentListener) Close() error   { return nil }
func (*sentListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
