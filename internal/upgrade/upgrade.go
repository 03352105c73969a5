// Package upgrade completes WebSocket handshakes on the server's side: it takes
// over the connection and writes the 101 (RFC 6455 4.2.2). Nothing else in this
// module writes one.
package upgrade

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"
)

// writeTimeout bounds the writing of the answer.
const writeTimeout = 10 * time.Second

// Conn is a connection that was taken over. Buffered holds what was read of it
// already, and is to be read first.
type Conn struct {
	net.Conn
	Buffered *bufio.ReadWriter
}

// Early returns a copy of what was read of the connection already.
func (c Conn) Early() []byte {
	early, _ := c.Buffered.Peek(c.Buffered.Reader.Buffered())
	return bytes.Clone(early)
}

// ErrHijack is that a connection cannot be taken over.
var ErrHijack = errors.New("upgrade: hijack")

// Possible reports whether the connection behind w can be taken over: whether
// the innermost writer is an [http.Hijacker]. Middlewares around it often have
// the method in any case.
func Possible(w http.ResponseWriter) bool {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			_, ok := w.(http.Hijacker)
			return ok
		}
		w = outer.Unwrap()
	}
}

// Accept takes over the connection of a checked handshake and answers 101. The
// answer has Upgrade, Connection, what stands in w.Header(), and header, which
// wins. It has Sec-WebSocket-Accept for key, unless header has one.
//
// If the error wraps [ErrHijack] the connection is still w's, and the client
// can be answered. In any other case its connection is closed.
func Accept(w http.ResponseWriter, key string, header http.Header) (Conn, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return Conn{}, fmt.Errorf("%w: %w", ErrHijack, err)
	}
	if err := write(conn, answer(w.Header(), header, key)); err != nil {
		_ = conn.Close()
		return Conn{}, fmt.Errorf("upgrade: %w", err)
	}
	return Conn{Conn: conn, Buffered: buffered}, nil
}

// answer merges the headers of a 101.
func answer(own, header http.Header, key string) http.Header {
	merged := make(http.Header, len(own)+len(header)+1)
	if _, ok := header["Sec-Websocket-Accept"]; !ok {
		merged["Sec-Websocket-Accept"] = []string{AcceptKey(key)}
	}
	maps.Copy(merged, own)
	for name, values := range header {
		if name == "Set-Cookie" { // both may set cookies
			values = append(merged[name][:len(merged[name]):len(merged[name])], values...)
		}
		merged[name] = values
	}
	for _, name := range []string{"Connection", "Upgrade", "Content-Length", "Transfer-Encoding"} {
		delete(merged, name) // The first two are written apart; a 101 has no body (RFC 9110 8.6).
	}
	return merged
}

// write sends the answer. A connection that was taken over has no deadline.
func write(conn net.Conn, header http.Header) error {
	var text bytes.Buffer
	text.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
	_ = OnTheWire(header).Write(&text) // a buffer takes everything
	text.WriteString("\r\n")
	if err := conn.SetDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write(text.Bytes()); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// OnTheWire returns h with the names of RFC 6455 as it spells them, where
// net/http has Sec-Websocket-Key: some clients and applications compare bytes.
func OnTheWire(h http.Header) http.Header {
	spelled := make(http.Header, len(h))
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, "Sec-Websocket-"); ok {
			name = "Sec-WebSocket-" + rest
		}
		spelled[name] = values
	}
	return spelled
}
