package ws

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// connect completes the handshake, runs the Endpoint and closes.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, a admission, note *accesslog.Note) {
	// The entry of the access log is written at the moment of the hijack.
	note.Outcome, note.Reason = outcomeConnected, "ok"
	if !h.attend(w, r, a) {
		h.lost(r, a, note)
	}
}

// lost writes down that the connection cannot be had although it seemed so.
// The answer is out, and a ticket that is spent stays so.
func (h *Handler) lost(r *http.Request, a admission, note *accesslog.Note) {
	note.Outcome, note.Reason = outcomeError, "accept"
	h.options.Logger.WarnContext(r.Context(), "handshake failed", "id", a.grant.ID, "door", a.door)
}

// attend takes the connection from w, runs the Endpoint and closes. It is
// false where the connection cannot be had.
func (h *Handler) attend(w http.ResponseWriter, r *http.Request, a admission) bool {
	taken := &takeover{ResponseWriter: w}
	conn, err := websocket.Accept(taken, r, &websocket.AcceptOptions{
		// Not insecure: checkOrigin has compared the whole Origin, where the
		// library would let through what has none, what equals the Host, and
		// patterns.
		InsecureSkipVerify: true,
		Subprotocols:       []string{a.subprotocol},
		// A few bytes that inflate to many are one more thing to bound.
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return false
	}
	conn.SetReadLimit(h.options.MaxMessage)
	start := h.options.Now()
	// net/http no longer looks after a connection that was taken over: the
	// request's context may end early (a time limit on requests), and never
	// because the peer has left.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	// After the closing: a Read that this cancels tears the connection down
	// without a close frame.
	defer cancel()
	c := &inProcess{conn: conn, socket: taken.conn}
	entry := &connection{id: a.grant.ID, door: a.door, end: c.end, cut: c.cut}
	h.live.add(entry)
	defer h.live.remove(entry)
	result := h.run(ctx, conn, a.grant)
	if code := c.ended.Load(); code != nil {
		result = *code
	}
	code := closeConn(conn, taken.conn, result)
	h.options.Logger.InfoContext(ctx, "connection closed",
		"id", a.grant.ID, "door", a.door, "duration", h.options.Now().Sub(start), "close_code", int(code))
	return true
}

// inProcess is a connection that an Endpoint has.
type inProcess struct {
	conn   *websocket.Conn
	socket net.Conn
	ended  atomic.Pointer[closeCode] // what we have begun to close it with
}

// end closes the connection, which ends the Endpoint's Read, and with it the
// Endpoint.
func (c *inProcess) end(code closeCode) {
	if c.ended.CompareAndSwap(nil, &code) {
		go closeConn(c.conn, c.socket, code) // ends within lingerTimeout
	}
}

func (c *inProcess) cut() { _ = c.socket.Close() }

// run calls the Endpoint and turns a panic into an error.
func (h *Handler) run(ctx context.Context, conn *websocket.Conn, grant ticket.Grant) (err error) {
	defer func() {
		// The value may hold anything, a credential as well as a message, so
		// only its type is written down (ASVS 16.2.5).
		if value := recover(); value != nil {
			h.options.Logger.ErrorContext(ctx, "endpoint panicked", "id", grant.ID,
				"type", fmt.Sprintf("%T", value), slog.Any("stack", frames()))
			err = errors.New("endpoint panicked")
		}
	}()
	return h.options.Endpoint(ctx, conn, grant)
}

// frames names the functions on the stack of a panic, without arguments.
func frames() []string {
	callers := make([]uintptr, 32)
	// Callers, frames and the deferred function are of no interest.
	stack := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	var names []string
	for {
		frame, more := stack.Next()
		names = append(names, fmt.Sprintf("%s %s:%d", frame.Function, frame.File, frame.Line))
		if !more {
			return names
		}
	}
}

// closeConn closes the connection for what the Endpoint returned, and returns
// the code for the log. The closing handshake takes as long as lingerTimeout
// allows, then the socket is cut: CloseNow would wait for it.
func closeConn(conn *websocket.Conn, socket net.Conn, result error) websocket.StatusCode {
	final := closing(result)
	cut := time.AfterFunc(lingerTimeout, func() { _ = socket.Close() })
	defer cut.Stop()
	// It fails where the connection is closed already, by either side, and
	// where the peer does not answer in time. It is closed now in any case.
	_ = conn.Close(final.Code, final.Reason)
	if isBroken(result) {
		return websocket.StatusAbnormalClosure
	}
	return final.Code
}

// closing tells with what to close for what the Endpoint returned. Where the
// peer has closed, that is its own code and goes to the log only.
func closing(result error) websocket.CloseError {
	if result == nil {
		return websocket.CloseError{Code: websocket.StatusNormalClosure}
	}
	if given, ok := errors.AsType[websocket.CloseError](result); ok && isSendable(given) {
		return given
	}
	if errors.Is(result, websocket.ErrMessageTooBig) {
		return websocket.CloseError{Code: websocket.StatusMessageTooBig, Reason: "too big"}
	}
	return websocket.CloseError{Code: websocket.StatusInternalError, Reason: "server error"}
}

// isBroken tells whether the Endpoint found the socket gone without a close
// frame, which is nobody's error: a tab was closed, a network lost.
func isBroken(result error) bool {
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(result, broken) {
			return true
		}
	}
	return false
}

// isSendable tells whether a close frame may hold c (RFC 6455 5.5, 7.4). 1005
// is a frame without a code.
func isSendable(c websocket.CloseError) bool {
	switch code := c.Code; {
	case len(c.Reason) > 123:
		return false
	case code == websocket.StatusAbnormalClosure, code == 1004, code == websocket.StatusTLSHandshake:
		return false
	default:
		return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
	}
}

// takeover keeps the socket that the library takes over, so that it can be
// cut when the closing handshake takes too long.
type takeover struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements [http.Hijacker].
func (t *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(t.ResponseWriter).Hijack()
	t.conn = conn
	return conn, buffered, err
}

// WriteHeaderNow is for Gin, whose WriteHeader writes nothing before this is
// called; the library looks for the method.
func (t *takeover) WriteHeaderNow() {
	if gin, ok := t.ResponseWriter.(interface{ WriteHeaderNow() }); ok {
		gin.WriteHeaderNow()
	}
}

// canHijack tells whether the connection can be taken over: whether the
// innermost writer is an [http.Hijacker]. Middlewares in between often have
// the method in any case.
func canHijack(w http.ResponseWriter) bool {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			_, ok := w.(http.Hijacker)
			return ok
		}
		w = outer.Unwrap()
	}
}
