package ws

import (
	"bufio"
	"net"
	"net/http"

	"wsticket/internal/handshake"
)

// upgrade completes a handshake that has passed every check of its shape, and
// takes the connection over. No extension is granted.
func upgrade(w http.ResponseWriter, r *http.Request, subprotocol string) (net.Conn, *bufio.ReadWriter, error) {
	header := w.Header()
	header.Set("Upgrade", "websocket")
	header.Set("Connection", "Upgrade")
	header.Set("Sec-WebSocket-Accept", handshake.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
	if subprotocol != "" {
		header.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	taken := &takeover{ResponseWriter: w}
	taken.WriteHeader(http.StatusSwitchingProtocols)
	taken.WriteHeaderNow()
	return taken.Hijack()
}

// opened is a connection whose handshake is complete and whose peer has shown
// who it is. From here on every byte is the application's.
type opened struct {
	admission
	conn net.Conn
	// buffered holds in its Reader what has come already.
	buffered *bufio.ReadWriter
}

// open runs the Endpoint on an opened connection. It returns when the
// connection is closed.
func (h *Handler) open(r *http.Request, o opened) {
	h.attend(&answered{header: make(http.Header), opened: o}, r, o.admission)
}

// answered is the ResponseWriter of a handshake that has had its answer: what
// the library writes goes nowhere, and what it takes over is the connection.
type answered struct {
	opened

	header http.Header
}

// Header implements [http.ResponseWriter].
func (a *answered) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answered) WriteHeader(int) {}

// Write implements [http.ResponseWriter].
func (a *answered) Write(p []byte) (int, error) { return len(p), nil }

// Hijack implements [http.Hijacker].
func (a *answered) Hijack() (net.Conn, *bufio.ReadWriter, error) { return a.conn, a.buffered, nil }
