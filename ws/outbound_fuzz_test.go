package ws_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/internal/traceparent"
	"wsticket/store/memstore"
	"wsticket/ticket"
	"wsticket/ws"
)

// What the handshakes of FuzzOutbound hold.
const (
	fuzzJWT     = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl" // which is accepted
	fuzzSession = "session-of-alice"
	forged      = "mallory"      // an identity that no application may see
	behindProxy = "198.51.100.7" // the client's address, as the trusted proxy says
)

// FuzzOutbound sends handshakes that are made of what attackers try, through the whole
// endpoint to an application that is a bare socket, and reads what arrives with a
// parser of its own. choices decides what a handshake is made of, and extra is more of
// its header as it is on the wire.
func FuzzOutbound(f *testing.F) {
	w := newWire(f)
	for _, seed := range outboundSeeds {
		f.Add(seed.choices, seed.extra)
	}
	f.Fuzz(func(t *testing.T, choices []byte, extra string) {
		s := w.handshake(t, choices, extra)
		status, header := w.send(t, s)
		if header.Get(reachedHeader) == "" {
			if status >= 500 && status != http.StatusNotImplemented { // of net/http
				t.Errorf("status %d for %q", status, s.text)
			}
			return // refused, and the application has seen nothing
		}
		raw := <-w.arrived
		if err := checkOutbound(s, raw, header); err != nil {
			t.Errorf("%v\nstatus %d\n%q\nbecame\n%q", err, status, s.text, raw)
		}
	})
}

// outboundSeeds are attacks, and plain handshakes through each door.
var outboundSeeds = []struct {
	choices []byte
	extra   string
}{
	{nil, ""},
	{[]byte{1}, ""},
	{[]byte{0, 0, 1}, ""},
	{[]byte{1, 0, 2}, ""},
	{[]byte{0, 0, 3}, ""},
	{[]byte{1, 0, 4}, ""},
	{[]byte{0, 0, 0, 4, 1, 2, 3, 4}, ""}, // from here on in the query
	{[]byte{0, 0, 0, 3, 6}, ""},
	{[]byte{0, 0, 0, 2, 10, 11}, ""},
	{[]byte{0, 0, 0, 1, 7}, ""},
	{[]byte{0, 3}, ""}, // in the path
	{[]byte{0, 4}, ""},
	{[]byte{0, 6}, ""},
	{[]byte{0, 8, 2}, ""},
	{[]byte{0, 0, 0, 0, 3}, ""},
	{[]byte{0, 0, 0, 0, 6}, ""}, // for a Host
	{nil, "Connection: Origin, X-Forwarded-For, X-User, X-Request-Id, Sec-WebSocket-Key, Host\r\nOrigin: https://app.example.com"},
	{[]byte{1}, "Connection: x-forwarded-for ,, FORWARDED,X-Forwarded-Proto\r\nForwarded: for=" + behindProxy},
	{[]byte{1}, "X-Forwarded-For: $T, " + behindProxy},
	{nil, "X-Original-Uri: /ws?ticket=$T\r\nX-Forwarded-Uri: /ws?ticket=$E\r\nX-Rewrite-Url: /ws?ticket=$D\r\nReferer: https://app.example.com/?ticket=$U"},
	{nil, "Referer: https://app.example.com/#access_token=$J\r\nCookie: a=$T; b=1; sid=$S"},
	{nil, "X_User: mallory\r\nX-User: mallory\r\nx_USER: mallory\r\nX.User: mallory\r\nX-Email: mallory"},
	{nil, "CF-Connecting-IP: 1.1.1.1\r\nTrue-Client-IP: 1.1.1.1\r\nX_Real_IP: 1.1.1.1\r\nX-Forwarded_For: 1.1.1.1"},
	{nil, "X-Request-Id: $T"},
	{nil, "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=1\r\ntracestate: b=2"},
	{nil, "traceparent: cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-$T\r\nTracestate: $T"},
	{nil, "Traceparent: $T\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nTracestate: a=$T"},
	{nil, "X-Wsticket-Key: k\r\nX-Wsticket-Assertion: a"},
	{[]byte{1}, "X-Request-Id: $U"},
	{nil, "Proxy: http://evil.example"},
	{nil, "Content-Length: 0"},
	{nil, "Transfer-Encoding: chunked"},
	{nil, "Transfer-Encoding:\tchunked\r\nContent-Length: 5"},
	{nil, "Expect: 100-continue"},
	{nil, "Transfer_Encoding: chunked"},
	{nil, "X: a\r\n folded"},
	{nil, "Host: evil.example"},
	{nil, "Sec-WebSocket-Protocol: $T, app.v1"},
	{nil, "Sec-WebSocket-Extensions: permessage-deflate; $E"},
	{nil, "TE: trailers\r\nTrailer: X-User\r\nConnection: TE, Trailer\r\nHTTP2-Settings: x"},
}

// wire is an endpoint and the application behind it.
type wire struct {
	service *ticket.Service
	clients *pipes
	arrived chan string // what one connection to the application has brought
}

const (
	reachedHeader = "X-Reached"
	// fuzzPatience bounds what has to happen.
	fuzzPatience = 30 * time.Second
)

func newWire(f *testing.F) *wire {
	f.Helper()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		f.Fatal(err)
	}
	w := &wire{clients: newPipes(), arrived: make(chan string, 1)}
	if w.service, err = ticket.New(ticket.Options{Store: store}); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "app")
	app, err := (&net.ListenConfig{}).Listen(f.Context(), "unix", path)
	if err != nil {
		f.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.application(app)
	}()
	handler, _ := build(f, setup{
		gate: gate.Options{
			Redeemer: w.service, Authenticator: fuzzAuth{}, Sessions: fuzzAuth{}, SessionCookie: "sid",
			Origins: []string{appOrigin}, AllowMissingOrigin: true, TrustedProxies: loopback, AddressLimit: gate.NewRateLimiter(0, 0),
		},
		ws: ws.Options{Upstream: &ws.Upstream{URL: "unix:" + path, Identity: who{}}},
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: fuzzPatience}
	server.SetKeepAlivesEnabled(false) // so that no body is waited for
	go func() { _ = server.Serve(w.clients) }()
	f.Cleanup(func() {
		_ = server.Close()
		_ = app.Close()
		<-ended
		_ = store.Close()
	})
	return w
}

// application refuses every handshake, and records the bytes of its connection.
func (w *wire) application(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(fuzzPatience))
		var raw []byte
		for buffer := make([]byte, 16<<10); ; {
			n, err := conn.Read(buffer)
			before := strings.Contains(string(raw), "\r\n\r\n")
			raw = append(raw, buffer[:n]...)
			if !before && strings.Contains(string(raw), "\r\n\r\n") {
				_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\n"+reachedHeader+": yes\r\nContent-Length: 0\r\n\r\n")
			}
			if err != nil {
				break
			}
		}
		_ = conn.Close()
		w.arrived <- string(raw)
	}
}

// send sends a handshake and returns the answer.
func (w *wire) send(t *testing.T, s hostile) (status int, header http.Header) {
	t.Helper()
	conn := w.clients.dial(s.peer)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(fuzzPatience))
	go func() { _, _ = io.WriteString(conn, s.text) }()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer to %q: %v", s.text, err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode, answer.Header
}

// fuzzAuth knows one bearer and one session.
type fuzzAuth struct{}

func (fuzzAuth) Authenticate(_ context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	if text := bearer.Reveal(); text != fuzzJWT && text != fuzzSession {
		return ticket.Identity{}, ticket.ErrInvalidBearer
	}
	return test.Alice(), nil
}

// hostile is a handshake, and what is known of it.
type hostile struct {
	peer    string
	trusted bool
	origin  bool // it has an Origin
	token   string
	text    string
}

// handshake makes the handshake that the choices stand for.
func (w *wire) handshake(t *testing.T, choices []byte, extra string) hostile {
	t.Helper()
	issued, err := w.service.Issue(t.Context(), ticket.Request{Identity: test.Alice()})
	if err != nil {
		t.Fatal(err)
	}
	c := test.NewChoices(choices)
	s := hostile{peer: "203.0.113.9:4711", trusted: c.Below(2) == 1, token: issued.Token.Reveal()}
	target := c.Pick("/ws", "http://api.example.com/ws", "/ws/a%2fb", "/ws/%77st1_x", "/ws/$T", "//ws", "/ws;x=$E", "/ws/\xff", "*", "x:y", "http://a@b/ws", "/[ws]")
	query, lines := door(c)
	query += c.Repeat(4, func() string {
		return c.Pick("&x=1", "&next=%2Fws%3Fticket%3D$E", "&t=$T", "&t=$D", "&$U", "&access_token=$J", "&a=$J", "&%74icket=$T", "&ticket=$T", "&;a", "&n=\xc3\xbc", "#a", "&q=\"<>{}|", "&%2")
	})
	if query != "" {
		target += "?" + strings.TrimPrefix(query, "&")
	}
	lines = append(lines, "Host: "+c.Pick("api.example.com", "api.example.com:8080", "[::1]", "a@b", "a,b", "", "$T"),
		"Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: "+test.HandshakeKey,
		"Connection: "+c.Pick("Upgrade", "keep-alive, Upgrade", ",upgrade,, ", "Upgrade, Origin, X-User", "Upgrade,"+strings.Join(fuzzNames, ",")))
	for range c.Below(8) {
		lines = append(lines, line(c))
	}
	if extra = strings.Trim(blankLines.ReplaceAllString(extra, "\r\n"), "\r\n"); extra != "" {
		lines = append(lines, strings.Split(extra, "\r\n")...)
	}
	s.origin = slices.Contains(lines, "Origin: "+appOrigin)
	if s.trusted { // The proxy has added its line behind those of the client.
		s.peer = "127.0.0.1:4711"
		lines = append(lines, "X-Forwarded-For: "+c.Pick("", "192.0.2.66, ", "$T, ", "unknown,", ", ,")+behindProxy)
	}
	text := "GET " + target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: evil.example\r\n\r\n"
	s.text = strings.NewReplacer(
		"$T", s.token, "$E", escaped(s.token), "$D", escaped(escaped(s.token)), "$U", strings.ToUpper(s.token), "$J", fuzzJWT, "$S", fuzzSession,
	).Replace(text)
	return s
}

var blankLines = regexp.MustCompile(`(\r*\n)+`)

// escaped returns text with an escape for each of its characters.
func escaped(text string) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, c := range []byte(text) {
		out.WriteString("%" + string(digits[c>>4]) + string(digits[c&15]))
	}
	return out.String()
}

// door returns a query and header lines with a good credential.
func door(c *test.Choices) (query string, lines []string) {
	switch c.Below(5) {
	case 0:
		return "&ticket=$T", nil
	case 1:
		return "", []string{"Sec-WebSocket-Protocol: wsticket.v1, ticket.$T, app.v1"}
	case 2:
		return "", []string{"Authorization: Ticket $T"}
	case 3:
		return "", []string{"Authorization: Bearer $J"}
	default:
		return "", []string{"Origin: " + appOrigin, "Cookie: theme=dark; sid=$S"}
	}
}

// fuzzNames are fields that mean something to somebody on the way.
var fuzzNames = []string{
	"Origin", "Host", "Connection", "Upgrade", "Cookie", "Authorization", "Referer", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol",
	"Sec-WebSocket-Extensions", "Sec-WebSocket-Version", "Sec-WebSocket-Accept", "X-User", "X-Email", "X-Wsticket-Id", "X-Wsticket-Key", "X-Request-Id",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Uri", "X-Forwarded-Access-Token", "Forwarded",
	"X-Original-Uri", "X-Original-URL", "X-Rewrite-Url", "X-Envoy-Original-Path", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP",
	"Fastly-Client-IP", "Transfer-Encoding", "Content-Length", "Expect", "TE", "Trailer", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
	"Proxy", "HTTP2-Settings", "X-App", "Dpop", "User-Agent", "Via",
}

// line returns a line of a header.
func line(c *test.Choices) string {
	name := fuzzNames[c.Below(len(fuzzNames))]
	switch c.Below(6) {
	case 1:
		name = strings.ToUpper(name)
	case 2:
		name = strings.ReplaceAll(name, "-", "_")
	case 3:
		name = strings.Replace(name, "-", "_", 1)
	case 4:
		name = strings.ReplaceAll(name, "-", ".")
	case 5:
		name += c.Pick(" ", "\t", "_", ".", "~", "\x00", "\xff")
	}
	return name + ":" + c.Pick(" ", "", "\t") + c.Pick(
		forged, "", ",", "1.1.1.1", "https://app.example.com/?ticket=$T", "/ws?ticket=$E", "/ws?ticket=$D", "$U", "/a?token=$J", "$J",
		"a, Bearer $J", "Basic $T", "x=1; t=$T; sid=$S; y=2", "chunked", "0", "5", "100-continue", "a\r\n folded", "a\nX-User: "+forged,
		"a\rX-User: "+forged, "a\x00b", "\xff", "a\tb ", appOrigin, "app.v1, $T", "close, X-User, Origin, X-Forwarded-For", `"$T"`, "for=1.1.1.1;host=evil",
	)
}

// checkOutbound checks what has arrived at the application of a handshake.
func checkOutbound(s hostile, raw string, answer http.Header) error {
	r, err := parseStrict(raw)
	if err != nil {
		return err
	}
	for _, fault := range []error{checkNames(s, r), checkOurs(s, r, answer), checkCredentials(s, r)} {
		if fault != nil {
			return fault
		}
	}
	return nil
}

// statement is what only a proxy may state about a client.
var statement = regexp.MustCompile(`(?i)^(x-forwarded-|x-original-|x-rewrite-|x-envoy-|forwarded$|.*-(client|real|connecting)-ip$)`)

// checkNames checks which fields there are.
func checkNames(s hostile, r strictRequest) error {
	for _, f := range r.fields {
		ours := slices.Contains([]string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}, f.name)
		switch {
		case strings.Trim(f.name, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "":
			return errors.New("a name that some read as another: " + f.name)
		case !s.trusted && !ours && statement.MatchString(f.name):
			return errors.New("a stranger states " + f.name + ": " + f.value)
		case strings.HasPrefix(f.name, "X-Wsticket-") && f.name != "X-Wsticket-Id":
			return errors.New("a header of ours: " + f.name)
		case strings.EqualFold(f.name, "Proxy"):
			return errors.New("a proxy for CGI")
		}
	}
	return nil
}

func isTraceparent(text string) bool {
	_, ok := traceparent.Parse(text)
	return ok && len(text) == 55
}

// checkOurs checks what we have verified or set.
func checkOurs(s hostile, r strictRequest, answer http.Header) error {
	client, _, _ := net.SplitHostPort(s.peer)
	want := map[string]string{
		"X-User": "alice", "X-Email": "", "X-Request-Id": answer.Get("X-Request-Id"),
		"Sec-WebSocket-Key": test.HandshakeKey, "Sec-WebSocket-Version": "13",
	}
	if s.origin {
		want["Origin"] = appOrigin
	}
	if !s.trusted {
		want["X-Forwarded-For"], want["X-Forwarded-Host"], want["X-Forwarded-Proto"] = client, r.values("Host")[0], "http"
	}
	for name, value := range want {
		if got := r.values(name); len(got) != 1 || got[0] != value {
			return errors.New(name + ": want " + strconv.Quote(value) + ", got " + strings.Join(got, " | "))
		}
	}
	for _, name := range []string{"Origin", "X-Wsticket-Id", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Sec-WebSocket-Protocol"} {
		if got := r.values(name); len(got) > 1 || name == "X-Wsticket-Id" && (len(got) != 1 || len(got[0]) != 22) {
			return errors.New(name + ": " + strings.Join(got, " | "))
		}
	}
	if got := r.values("Traceparent"); len(got) > 1 || len(got) == 1 && !isTraceparent(got[0]) {
		return errors.New("the trace is " + strings.Join(got, " | "))
	}
	if got := r.values("Tracestate"); len(got) > 0 && len(r.values("Traceparent")) == 0 {
		return errors.New("the state of no trace is " + strings.Join(got, " | "))
	}
	if got := r.values("X-Forwarded-For"); s.trusted && (len(got) != 1 || !strings.Contains(got[0], behindProxy) || !strings.HasSuffix(got[0], ", "+client)) {
		return errors.New("the chain of proxies is " + strings.Join(got, " | "))
	}
	return nil
}

var (
	sessionCookie = regexp.MustCompile(`(^|;)[ \t]*sid(\.[0-9]+)?[ \t]*(=|;|$)`)
	ourScheme     = regexp.MustCompile(`(?i)(^|,)[ \t]*(bearer|ticket)([ \t]|$)`)
)

// checkCredentials looks for credentials in any spelling.
func checkCredentials(s hostile, r strictRequest) error {
	for _, f := range append(r.fields, strictField{"the request line", r.target}) {
		plain := unescaped(f.value)
		name := strings.ToLower(f.name)
		switch {
		case strings.Contains(strings.ToLower(plain), strings.ToLower(s.token)), strings.Contains(strings.ToLower(plain), "wst1_"):
			return errors.New("a ticket in " + f.name)
		case name == "cookie" && sessionCookie.MatchString(f.value):
			return errors.New("the session cookie")
		case strings.Contains(plain, fuzzJWT) && (name == "the request line" || name != "cookie" && strings.ContainsAny(plain, "/?")):
			return errors.New("a JWT in a URL, in " + f.name)
		case name == "authorization" && ourScheme.MatchString(f.value):
			return errors.New("a credential in " + f.name)
		}
	}
	return nil
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// unescaped undoes all percent-encoding, and that of the result.
func unescaped(text string) string {
	for {
		plain := escape.ReplaceAllStringFunc(text, func(e string) string {
			c, _ := strconv.ParseUint(e[1:], 16, 8)
			return string([]byte{byte(c)})
		})
		if plain == text {
			return text
		}
		text = plain
	}
}

// pipes is a listener whose connections are in memory.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

// dial returns the client's end of a connection from an address.
func (p *pipes) dial(from string) net.Conn {
	client, server := net.Pipe()
	p.accepted <- pipeFrom{server, from}
	return client
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Net: "pipe", Name: "pipe"} }

// pipeFrom is a connection that says where it comes from.
type pipeFrom struct {
	net.Conn
	from string
}

func (c pipeFrom) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "pipe", Name: c.from} }
