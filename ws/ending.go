package ws

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/limit"
	"wsticket/internal/wsframe"
)

// ending is how a connection ends that has never been the Endpoint's: by the
// close frame of a code and text, or without one where the code is 0.
type ending struct {
	code uint16
	text string
	// reason is the word for the log.
	reason string
	// last tells that the peer sends nothing more that is worth waiting for.
	last bool
}

// Error names the ending by its word.
func (e *ending) Error() string { return "connection ends: " + e.reason }

// Why nothing came of a first message. [errMessage], which is about the
// message itself, has a row in the table of refusals.
var (
	errAuthTimeout error = &ending{code: 4001, text: "Authentication timeout", reason: "auth_timeout"}
	errFrame       error = &ending{code: 1002, text: "protocol error", reason: "frame"}
	errTooBig      error = &ending{code: 1009, text: "too big", reason: "too_big"}
	errNotUTF8     error = &ending{code: 1007, text: "not UTF-8", reason: "not_utf8"}
	errDraining    error = &ending{code: 1001, text: "server is draining", reason: "stopping"}
	// errLeft: the socket is closed, or takes nothing.
	errLeft error = &ending{reason: "left", last: true}
)

// peerClosed answers a close frame with its own code (RFC 6455 5.5.1).
func peerClosed(payload []byte) error {
	code, _, ok := wsframe.ParseClose(payload)
	if !ok {
		return errFrame
	}
	return &ending{code: code, reason: "closed", last: true}
}

// appendFrame appends the close frame, if there is one.
func (e *ending) appendFrame(dst []byte) []byte {
	switch e.code {
	case 0:
		return dst
	case wsframe.NoStatus:
		return wsframe.Append(dst, wsframe.Close, nil, nil)
	default:
		return wsframe.Append(dst, wsframe.Close, wsframe.ClosePayload(e.code, e.text), nil)
	}
}

// end writes the last frames of a connection and waits for the peer's close
// frame, both within lingerTimeout. Whoever calls it closes the socket: doing
// that while bytes of the peer are unread would reset the connection and could
// take the close frame away from it (RFC 6455 7.1.1).
func (e *ending) end(conn net.Conn, from *bufio.Reader, before []byte) {
	frames := e.appendFrame(before)
	if len(frames) == 0 || conn.SetDeadline(time.Now().Add(lingerTimeout)) != nil {
		return
	}
	if _, err := conn.Write(frames); err == nil && !e.last {
		discardToClose(from)
	}
}

// discardToClose reads up to a close frame, and to the end where frames cannot
// be told apart any more.
func discardToClose(from *bufio.Reader) {
	for {
		h, size, err := peekHeader(from)
		switch {
		case errors.Is(err, wsframe.ErrMalformed):
			_, _ = io.Copy(io.Discard, from)
			return
		case err != nil || h.Opcode == wsframe.Close:
			return
		}
		// The header is there, as it has just been looked at.
		_, _ = from.Discard(size)
		if _, err := io.CopyN(io.Discard, from, h.Length); err != nil {
			return
		}
	}
}

// peekHeader looks at the header of the next frame and leaves it there.
func peekHeader(from *bufio.Reader) (h wsframe.Header, size int, err error) {
	start, err := from.Peek(2)
	if err == nil {
		start, err = from.Peek(wsframe.HeaderSize(start[1]))
	}
	if err != nil {
		return wsframe.Header{}, 0, fmt.Errorf("read a frame: %w", err)
	}
	return wsframe.ParseHeader(start)
}

// refuseByClose tells a refusal by a close frame, which a page sees, where a
// status would show it no more than code 1006. It is false where that is not
// wanted or not possible, or where too many such connections are open.
func (h *Handler) refuseByClose(w http.ResponseWriter, r *http.Request, a admission, err error, note *accesslog.Note) bool {
	last, ok := endingOf(err)
	if !h.options.AcceptThenClose || !a.upgradable || !ok {
		return false
	}
	leave, full := h.unauthenticated.enter(limit.AddrKey(a.presentation.ClientIP))
	if full != nil {
		return false
	}
	defer leave()
	// The entry of the access log is written at the moment of the hijack.
	note.Outcome, note.Reason = verdict(err)
	conn, buffered, err := upgrade(w, r, h.early(a))
	if err != nil {
		h.lost(r, a, note)
		return true
	}
	defer func() { _ = conn.Close() }()
	last.end(conn, buffered.Reader, nil)
	return true
}
