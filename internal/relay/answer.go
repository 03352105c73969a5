package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"wsticket/internal/wsframe"
)

// ErrNotSwitched is returned by [Answer.Join] if the application's answer is
// not 101 Switching Protocols, so that there is no WebSocket to relay.
var ErrNotSwitched = errors.New("the application did not switch protocols")

const (
	// maxRefusal is the largest body of a refusal that is forwarded, in bytes.
	maxRefusal = 1 << 20
	// refusalTimeout limits the time to forward a refusal.
	refusalTimeout = 10 * time.Second
)

// readers holds the readers with which answers are parsed.
var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// Answer is the application's answer to a handshake. The caller must call
// [Answer.Close]. An Answer is not safe for concurrent use.
type Answer struct {
	// Take reports whether a text of the client is for us and not for the application,
	// like [wsframe.Filter]. It is called by a goroutine of the tunnel, which it must
	// not keep. Set it before Join. Nil: all is for the application.
	Take func(t *Tunnel, text []byte) bool

	relay    *Relay
	conn     net.Conn // nil after Close, or after Join has taken it over
	limited  io.LimitedReader
	reader   *bufio.Reader
	response *http.Response
}

func (r *Relay) newAnswer(conn net.Conn) *Answer {
	a := &Answer{relay: r, conn: conn, limited: io.LimitedReader{R: conn, N: maxAnswerHeader}}
	a.reader = readers.Get().(*bufio.Reader) //nolint:errcheck // The pool holds nothing else.
	a.reader.Reset(&a.limited)
	return a
}

// detach hands the connection over to the caller and recycles the reader. It
// returns nil if the connection was detached before.
func (a *Answer) detach() net.Conn {
	conn := a.conn
	if conn != nil {
		a.reader.Reset(nil)
		readers.Put(a.reader)
		a.conn, a.reader = nil, nil
	}
	return conn
}

// Switched reports whether the application has accepted the handshake, with
// status 101.
func (a *Answer) Switched() bool { return a.response.StatusCode == http.StatusSwitchingProtocols }

// Status returns the HTTP status code of the answer.
func (a *Answer) Status() int { return a.response.StatusCode }

// Header returns the header of the answer without its hop-by-hop fields
// (RFC 9110 7.6.1), and without X-Request-Id, which is for the caller to set.
func (a *Answer) Header() http.Header { return answerHeader(a.response.Header) }

// Close closes the connection to the application, unless [Answer.Join] has
// taken it over. It may be called more than once.
func (a *Answer) Close() {
	if conn := a.detach(); conn != nil {
		closeNow(conn)
	}
}

// Refuse forwards the application's answer to w, with a body of up to 1 MiB,
// and closes the connection to the application. The headers in w.Header() are
// kept, except that the application's value replaces one of the same name and
// its cookies are added to those of Set-Cookie.
//
// If the body is longer or does not arrive within 10 s, the status has been
// sent and cannot be changed any more. Refuse then panics with
// [http.ErrAbortHandler], so that net/http aborts the response.
func (a *Answer) Refuse(w http.ResponseWriter) {
	defer a.Close()
	until := time.Now().Add(refusalTimeout)
	_ = a.conn.SetDeadline(until) // If conn is closed, reading it fails.
	// If the writer does not support deadlines, the server's timeout applies.
	_ = http.NewResponseController(w).SetWriteDeadline(until)
	mergeHeader(w.Header(), a.Header())
	if _, typed := w.Header()["Content-Type"]; !typed {
		w.Header()["Content-Type"] = nil // This keeps net/http from guessing one.
	}
	w.WriteHeader(a.response.StatusCode)
	n, err := io.Copy(w, io.LimitReader(a.response.Body, maxRefusal+1))
	if err != nil || n > maxRefusal {
		panic(http.ErrAbortHandler)
	}
}

// mergeHeader adds the fields of src to dst. They replace fields of the same
// name, except that cookies of both are kept.
func mergeHeader(dst, src http.Header) {
	for name, values := range src {
		if name == "Set-Cookie" {
			values = append(dst[name], values...)
		}
		dst[name] = values
	}
}

// Join connects client with the application and returns the running tunnel,
// which from then on owns both connections. early is what was already read
// from client.
//
// The caller has answered 101 to client. If it did so after the application's
// answer, it used that answer's [Answer.Header]. If it did so before the
// application was asked, it agreed to no extensions, and must not have offered
// any to the application.
//
// The tunnel calls onEnd once when it has ended, from another goroutine and
// possibly before Join returns. onEnd may be nil. It should not reference the
// request: a handler returns right after Join, which frees its goroutine and
// buffers while the tunnel runs on.
//
// The only error is [ErrNotSwitched]. The client's connection then still
// belongs to the caller.
func (a *Answer) Join(client net.Conn, early []byte, onEnd func(Result)) (*Tunnel, error) {
	if !a.Switched() {
		return nil, ErrNotSwitched
	}
	earlyUpstream, bits := buffered(a.reader), reservedBits(a.response.Header["Sec-Websocket-Extensions"])
	t := a.relay.newTunnel(client, a.detach(), bits, onEnd)
	if take := a.Take; take != nil {
		t.up.filter = &wsframe.Filter{Take: func(text []byte) bool { return take(t, text) }}
		early = t.up.filter.Pass(early)
	}
	t.run(early, earlyUpstream)
	return t, nil
}

// buffered returns a copy of the bytes that r has buffered. A copy allows to
// recycle r.
func buffered(r *bufio.Reader) []byte {
	if r.Buffered() == 0 {
		return nil
	}
	b, _ := r.Peek(r.Buffered())
	return bytes.Clone(b)
}
