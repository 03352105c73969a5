package relay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// ErrNotSwitched is that an answer is no 101, so that there is nothing to
// relay.
var ErrNotSwitched = errors.New("the application has not switched protocols")

const (
	// maxRefusal bounds the body of a refusal in bytes.
	maxRefusal = 1 << 20
	// refusalTimeout bounds the copying of a refusal.
	refusalTimeout = 10 * time.Second
)

// readers are for answers.
//
//nolint:gochecknoglobals // A pool, which nobody assigns.
var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// Answer is what the application says to a handshake. It belongs to one
// goroutine, which has to close it.
type Answer struct {
	relay    *Relay
	conn     net.Conn // nil: closed, or a Tunnel's
	limit    io.LimitedReader
	reader   *bufio.Reader
	response *http.Response
}

func (r *Relay) newAnswer(conn net.Conn) *Answer {
	a := &Answer{relay: r, conn: conn, limit: io.LimitedReader{R: conn, N: maxAnswerHeader}}
	a.reader = readers.Get().(*bufio.Reader) //nolint:errcheck // Nothing else is in there.
	a.reader.Reset(&a.limit)
	return a
}

// release hands the connection over to the caller.
func (a *Answer) release() net.Conn {
	conn := a.conn
	if conn != nil {
		a.reader.Reset(nil)
		readers.Put(a.reader)
		a.conn, a.reader = nil, nil
	}
	return conn
}

// Switched tells whether the application has accepted the handshake.
func (a *Answer) Switched() bool { return a.response.StatusCode == http.StatusSwitchingProtocols }

// Status is that of the answer.
func (a *Answer) Status() int { return a.response.StatusCode }

// Header is that of the answer, without what belongs to its connection.
func (a *Answer) Header() http.Header { return withoutHopByHop(a.response.Header) }

// Close closes the connection to the application, except where it has become
// a [Tunnel]'s. It may be called twice.
func (a *Answer) Close() {
	if conn := a.release(); conn != nil {
		cut(conn)
	}
}

// Refuse answers w what the application has answered, a body of up to 1 MiB
// included, and closes the connection to the application. What stands in
// w.Header() already goes along, except where the application says otherwise.
//
// A body that is longer, or does not end in time, cannot be answered any more:
// Refuse then panics with [http.ErrAbortHandler], which is net/http's way to
// let the client know.
func (a *Answer) Refuse(w http.ResponseWriter) {
	defer a.Close()
	until := time.Now().Add(refusalTimeout)
	_ = a.conn.SetDeadline(until) // What is closed will say so.
	// Where the server cannot bound it, its own time-out does.
	_ = http.NewResponseController(w).SetWriteDeadline(until)
	addHeader(w.Header(), a.Header())
	if _, typed := w.Header()["Content-Type"]; !typed {
		w.Header()["Content-Type"] = nil // Or net/http would make one up.
	}
	w.WriteHeader(a.response.StatusCode)
	n, err := io.Copy(w, io.LimitReader(a.response.Body, maxRefusal+1))
	if err != nil || n > maxRefusal {
		panic(http.ErrAbortHandler)
	}
}

// addHeader lets the application have the last word, except that both may set
// cookies.
func addHeader(to, from http.Header) {
	for name, values := range from {
		if name == "Set-Cookie" {
			values = append(to[name], values...)
		}
		to[name] = values
	}
}

// Accept takes over the connection of the client, answers 101 with the
// application's header, and starts the tunnel. What stands in w.Header() goes
// along, except where the application says otherwise. The subprotocol is
// answered where the application has chosen none; it may be empty.
//
// When the tunnel has ended, ended is called, once and from another goroutine,
// possibly before Accept returns. Neither the tunnel nor ended should keep
// anything of the request alive: the handler is to return at once, so that its
// goroutine and buffers go.
//
// Where the error is [http.ErrNotSupported] or [ErrNotSwitched], the client
// can still be answered. In any other case its connection is closed.
func (a *Answer) Accept(w http.ResponseWriter, subprotocol string, ended func(Result)) (*Tunnel, error) {
	if !a.Switched() {
		return nil, ErrNotSwitched
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("relay hijack: %w", err)
	}
	header := withoutHopByHop(w.Header())
	addHeader(header, a.Header())
	delete(header, "Content-Length") // RFC 9110 8.6: none with a 101.
	if _, chosen := header["Sec-Websocket-Protocol"]; !chosen && subprotocol != "" {
		header.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	if err := a.relay.switchProtocols(client, header); err != nil {
		cut(client)
		return nil, fmt.Errorf("relay accept: %w", err)
	}
	return a.Join(client, rest(buffered.Reader), ended)
}

// switchProtocols answers 101. A connection that was taken over has no
// deadline any more.
func (r *Relay) switchProtocols(client net.Conn, header http.Header) error {
	var text bytes.Buffer
	text.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
	_ = onTheWire(header).Write(&text)
	text.WriteString("\r\n")
	if err := client.SetDeadline(time.Now().Add(r.options.WriteTimeout)); err != nil {
		return err
	}
	if _, err := client.Write(text.Bytes()); err != nil {
		return err
	}
	return client.SetDeadline(time.Time{})
}

// Join starts the tunnel on a client's connection that is upgraded already. The
// caller has answered 101 without extensions, so that the application must not
// have been offered any. What was read of the connection already is early; the
// connection is the tunnel's from now on. For ended see [Answer.Accept]. The
// only error is [ErrNotSwitched], and then the connection is still the
// caller's.
func (a *Answer) Join(client net.Conn, early []byte, ended func(Result)) (*Tunnel, error) {
	if !a.Switched() {
		return nil, ErrNotSwitched
	}
	ahead := rest(a.reader)
	t := a.relay.newTunnel(client, a.release(), ended)
	t.run(early, ahead)
	return t, nil
}

// rest is what a reader has read ahead, without the reader.
func rest(r *bufio.Reader) []byte {
	if r.Buffered() == 0 {
		return nil
	}
	ahead, _ := r.Peek(r.Buffered())
	return bytes.Clone(ahead)
}
