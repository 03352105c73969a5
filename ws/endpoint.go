package ws

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/accesslog"
	"wsticket/internal/relay"
	"wsticket/internal/stack"
	"wsticket/internal/upgrade"
	"wsticket/internal/wsframe"
	"wsticket/live"
	"wsticket/ticket"
)

// connectEndpoint completes the handshake, runs the Endpoint and closes.
func (h *Handler) connectEndpoint(s *handshake) {
	c, err := h.register(s)
	if err != nil {
		h.refuseOrClose(s, err)
		return
	}
	conn, err := h.upgrade(s, outcomeConnected, "ok", s.candidate.Subprotocol, nil)
	if err != nil {
		c.Abandon()
		return
	}
	h.runEndpoint(s, c, conn)
}

// runEndpoint runs the Endpoint on a connection that is upgraded, and closes
// it.
func (h *Handler) runEndpoint(s *handshake, c *live.Connection, conn upgrade.Conn) {
	c.Began(s.ctx)
	e, err := newEndpointConn(s.r, conn, h.earlySubprotocol(s), h.takesRenewals(s))
	if err != nil {
		_ = conn.Close()
		c.Ended(s.ctx, ticket.Closed{Code: wsframe.Abnormal, By: ticket.ByServer})
		return
	}
	e.conn.SetReadLimit(h.o.MaxMessage)
	c.Attach(e)
	// net/http no longer watches a connection that was taken over. The request's
	// context may end early (a time limit on requests), and does not end when
	// the peer leaves.
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx))
	// After the closing: a Read that is canceled closes the connection without
	// a close frame.
	defer cancel()
	c.Ended(ctx, e.finish(h.run(ctx, e.conn, s.grant)))
}

// run calls the Endpoint and turns a panic into an error.
func (h *Handler) run(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) (err error) {
	defer func() {
		// The value may hold a credential or a message, so only its type is
		// logged (ASVS 16.2.5).
		if value := recover(); value != nil {
			h.o.Logger.ErrorContext(ctx, "endpoint panicked", "request_id", accesslog.RequestID(ctx),
				"ticket_id", grant.ID, "type", fmt.Sprintf("%T", value), "stack", stack.Frames())
			err = errors.New("endpoint panicked")
		}
	}()
	return h.o.Endpoint(ctx, conn, grant)
}

// endpointConn is a connection that an Endpoint has. It is a [live.Ender].
type endpointConn struct {
	conn   *websocket.Conn
	socket net.Conn
	ending atomic.Pointer[ownEnding]
	texts  atomic.Int32 // of Notify, that are being written
}

// maxTexts is how many texts of ours wait for the Endpoint or the client.
const maxTexts = 4

// ownEnding is with what we have begun to close a connection, and the fault of the
// client that is the reason, if it is one.
type ownEnding struct {
	ticket.Ending
	fault wsframe.Fault
}

// newEndpointConn makes the library's connection from one that is upgraded
// already. websocket.Accept is the only function that makes one, so it gets the
// request again, and a ResponseWriter whose answer is out. take may be nil.
func newEndpointConn(r *http.Request, conn upgrade.Conn, subprotocol string, take taker) (*endpointConn, error) {
	e, frames := &endpointConn{socket: conn.Conn}, newCheckedConn(conn)
	if take != nil {
		frames.filter = &wsframe.Filter{Take: func(text []byte) bool { return take(e.Notify, text) }}
	}
	frames.onFault = func(fault wsframe.Fault) { e.end(ownEnding{ticket.EndProtocolError, fault}) }
	conn.Conn = frames
	var err error
	e.conn, err = websocket.Accept(&answered{header: make(http.Header), conn: conn}, canonical(r), &websocket.AcceptOptions{
		// Not insecure: package gate has compared the whole Origin, where the
		// library accepts requests without one, and those that equal the Host.
		InsecureSkipVerify: true,
		Subprotocols:       []string{subprotocol},
		// Compression is off: a few bytes that inflate to many would need
		// another limit.
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	return e, nil
}

// canonical returns the handshake that r is, as the library wants it. It knows
// fewer spellings than package gate, which has checked the request.
func canonical(r *http.Request) *http.Request {
	plain := &http.Request{Method: r.Method, ProtoMajor: 1, ProtoMinor: 1, Host: r.Host, Header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": r.Header["Sec-Websocket-Key"], "Sec-Websocket-Protocol": r.Header["Sec-Websocket-Protocol"],
	}}
	return plain.WithContext(r.Context())
}

// answered is the ResponseWriter of a request whose 101 has been sent.
type answered struct {
	header http.Header
	conn   upgrade.Conn
}

// Header implements [http.ResponseWriter].
func (a *answered) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answered) WriteHeader(int) {}

// Write implements [http.ResponseWriter].
func (a *answered) Write(p []byte) (int, error) { return len(p), nil }

// Hijack implements [http.Hijacker].
func (a *answered) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return a.conn.Conn, a.conn.Buffered, nil
}

// End closes the connection, which ends the Endpoint's Read, and with it the
// Endpoint.
func (e *endpointConn) End(ending ticket.Ending) { e.end(ownEnding{Ending: ending}) }

func (e *endpointConn) end(ours ownEnding) {
	if e.ending.CompareAndSwap(nil, &ours) {
		go func() { _ = e.close(ours.Ending) }() // ends within live.Linger
	}
}

// Notify implements [live.Notifier]. It waits in a goroutine of its own, because the
// Endpoint may be writing a message. A peer that reads nothing for so long is cut. If
// four texts wait, another one is dropped.
func (e *endpointConn) Notify(text []byte) {
	if e.texts.Add(1) > maxTexts {
		e.texts.Add(-1)
		return
	}
	go func() { // ends within the timeout
		defer e.texts.Add(-1)
		ctx, cancel := context.WithTimeout(context.Background(), relay.DefaultWriteTimeout)
		defer cancel()
		_ = e.conn.Write(ctx, websocket.MessageText, text)
	}()
}

// Cut closes the socket.
func (e *endpointConn) Cut() { _ = e.socket.Close() }

// close exchanges Close frames, which takes at most live.Linger; then the socket
// is closed. The error is that of a connection that is closed already.
func (e *endpointConn) close(ending ticket.Ending) error {
	cut := time.AfterFunc(live.Linger, e.Cut)
	defer cut.Stop()
	return e.conn.Close(websocket.StatusCode(ending.Code), ending.Reason)
}

// finish closes the connection according to the result of the Endpoint, and
// returns how it was closed.
func (e *endpointConn) finish(result error) ticket.Closed {
	ending := endingOf(result)
	ours := e.ending.Load()
	if ours != nil {
		ending = ours.Ending
	}
	err := e.close(ending)
	closed := ticket.Closed{Code: ending.Code, By: ticket.ByUpstream}
	_, received := errors.AsType[websocket.CloseError](result)
	switch {
	case ours != nil:
		closed.By = ticket.ByServer
		if ours.fault != "" {
			closed.Fault, closed.FaultBy = string(ours.fault), ticket.ByClient
		}
	case isBroken(result) && isBroken(err): // ours, and no other one that the Endpoint has
		closed.Code, closed.By = wsframe.Abnormal, ticket.ByClient
	case received && errors.Is(err, net.ErrClosed):
		closed.By = ticket.ByClient // the connection was closed before we began to
	}
	return closed
}

// endingOf returns the ending for the result of an Endpoint. If the peer has
// sent a Close frame, it has the peer's code.
func endingOf(result error) ticket.Ending {
	if result == nil {
		return ticket.Ending{Code: uint16(websocket.StatusNormalClosure)}
	}
	if given, ok := errors.AsType[websocket.CloseError](result); ok && isSendable(given) {
		return ticket.Ending{Code: uint16(given.Code), Reason: given.Reason} //nolint:gosec // isSendable has checked its range.
	}
	if errors.Is(result, websocket.ErrMessageTooBig) {
		return ticket.EndTooBig
	}
	return ticket.EndInternal
}

// isBroken reports whether err says that the socket was closed without a Close
// frame. That is not a fault: a tab was closed, or the network was lost.
func isBroken(err error) bool {
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

// isSendable reports whether the library can send c. It sends 1005 as a Close
// frame without a code.
func isSendable(c websocket.CloseError) bool {
	code := uint16(c.Code) //nolint:gosec // Compared with the whole.
	return int(code) == int(c.Code) && len(c.Reason) <= wsframe.MaxReason && (code == wsframe.NoStatus || wsframe.IsSendable(code))
}
