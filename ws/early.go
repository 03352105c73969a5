package ws

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"wsticket/internal/wsframe"
	"wsticket/live"
	"wsticket/ticket"
)

// earlyEnd is how a connection ends that was upgraded and never became the
// application's. As an error it says why.
type earlyEnd struct {
	// ending is what the Close frame says; with the zero Ending there is none.
	ending ticket.Ending
	// reason is the word for logs and metrics.
	reason string
	// quiet reports whether the peer sends nothing that is worth waiting for.
	quiet bool
}

// Error returns the word.
func (e *earlyEnd) Error() string { return "connection ends: " + e.reason }

// The errors of a first message, except for [errMessage], which has a row in
// the table of refusals.
var (
	errAuthTimeout error = &earlyEnd{ending: ticket.EndAuthTimeout, reason: "auth_timeout"}
	errFrame       error = &earlyEnd{ending: ticket.EndProtocolError, reason: "frame"}
	errTooBig      error = &earlyEnd{ending: ticket.EndTooBig, reason: "too_big"}
	errNotUTF8     error = &earlyEnd{ending: ticket.EndNotUTF8, reason: "not_utf8"}
	errDraining    error = &earlyEnd{ending: ticket.EndDraining, reason: "stopping"}
	// errLeft: the socket is closed, or accepts nothing.
	errLeft error = &earlyEnd{reason: "left", quiet: true}
)

func earlyEndOf(err error) (*earlyEnd, bool) { return errors.AsType[*earlyEnd](err) }

// brokenFrame is errFrame for a client's frame with this fault.
func brokenFrame(fault wsframe.Fault) error {
	return ticket.WithAttrs(errFrame, slog.String("fault", string(fault)))
}

// peerClosed answers a Close frame with its own code (RFC 6455 5.5.1).
func peerClosed(payload []byte) error {
	code, _, ok := wsframe.ParseClose(payload)
	if !ok {
		return brokenFrame(wsframe.FaultClose)
	}
	return &earlyEnd{ending: ticket.Ending{Code: code}, reason: "closed", quiet: true}
}

// appendFrame appends the Close frame, if there is one.
func (e *earlyEnd) appendFrame(dst []byte) []byte {
	switch e.ending.Code {
	case 0:
		return dst
	case wsframe.NoStatus:
		return wsframe.Append(dst, wsframe.Close, nil, nil)
	default:
		return wsframe.Append(dst, wsframe.Close, wsframe.ClosePayload(e.ending.Code, e.ending.Reason), nil)
	}
}

// close writes the last frames of a connection and waits for the peer's Close
// frame, together at most for live.Linger. The caller then closes the socket:
// while bytes of the peer are unread, that would reset the connection, and the
// peer might not see the Close frame (RFC 6455 7.1.1).
func (e *earlyEnd) close(conn net.Conn, from *bufio.Reader, before []byte) {
	frames := e.appendFrame(before)
	if len(frames) == 0 || conn.SetDeadline(time.Now().Add(live.Linger)) != nil {
		return
	}
	if _, err := conn.Write(frames); err == nil && !e.quiet {
		discardToClose(from)
	}
}

// discardToClose reads to the end of a Close frame, or to the end of the
// connection if it finds a malformed frame.
func discardToClose(from *bufio.Reader) {
	for {
		h, size, err := peekHeader(from)
		switch {
		case errors.Is(err, wsframe.FaultLength):
			_, _ = io.Copy(io.Discard, from)
			return
		case err != nil || h.Opcode == wsframe.Close:
			return
		}
		_, _ = from.Discard(size) // it was just peeked
		if _, err := io.CopyN(io.Discard, from, h.Length); err != nil {
			return
		}
	}
}

// peekHeader returns the header of the next frame without reading it.
func peekHeader(from *bufio.Reader) (h wsframe.Header, size int, err error) {
	start, err := from.Peek(2)
	if err == nil {
		start, err = from.Peek(wsframe.HeaderSize(start[1]))
	}
	if err != nil {
		return wsframe.Header{}, 0, fmt.Errorf("read a frame: %w", err)
	}
	h, size, fault := wsframe.ParseHeader(start)
	if fault != "" {
		return wsframe.Header{}, 0, fault
	}
	return h, size, nil
}

// refuseOrClose refuses a handshake: with a Close frame, which a page sees, if
// that is configured and possible, otherwise with a status, which a page sees
// as 1006.
func (h *Handler) refuseOrClose(s *handshake, err error) {
	answer := refusals.Of(err)
	if !h.o.AcceptThenClose || !s.upgradable || answer.Ending == (ticket.Ending{}) {
		h.refuse(s, err)
		return
	}
	leave, full := h.enterUnauthenticated(s)
	if full != nil {
		h.refuse(s, err)
		return
	}
	defer leave()
	conn, lost := h.upgrade(s, answer.Outcome, answer.Reason, h.earlySubprotocol(s), nil)
	if lost != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	(&earlyEnd{ending: answer.Ending}).close(conn, conn.Buffered.Reader, nil)
}

// lastFrames returns how a connection ends whose first message failed. If the
// message was read, an auth_fail with the reason comes first, and the Close
// frame only says whether it is the client's fault or ours.
func lastFrames(err error) (end *earlyEnd, before []byte) {
	if early, ok := earlyEndOf(err); ok {
		return early, nil
	}
	answer := refusals.Of(err)
	ending := answer.Ending
	if ending == (ticket.Ending{}) || answer.Status < http.StatusInternalServerError && answer.Status != http.StatusTooManyRequests {
		ending = ticket.EndAuthFailed
	}
	return &earlyEnd{ending: ending}, wsframe.Append(nil, wsframe.Text, authFail(answer.Code), nil)
}
