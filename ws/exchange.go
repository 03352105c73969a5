package ws

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"wsticket/internal/wsframe"
	"wsticket/ticket"
)

// maxBeforeAuth bounds all bytes that a peer may send before it has
// authenticated: one frame of 4 KiB with its header, or what it sends in place
// of it. Headers count, so that empty frames come to an end, too.
const maxBeforeAuth = 4<<10 + 8

// exchange reads the frames before authentication from a connection that
// nobody else reads. The library does not do it: a deadline on its Read tears
// the connection down without a close frame, it reads fragments for as long as
// they come, and it leaves it to its caller what is text.
type exchange struct {
	conn net.Conn
	from *bufio.Reader
	// until is when the message has to be there. Nothing moves it.
	until time.Time
	left  int64 // of maxBeforeAuth
}

// newExchange starts the clock.
func newExchange(conn net.Conn, from *bufio.Reader, timeout time.Duration) *exchange {
	x := &exchange{conn: conn, from: from, until: time.Now().Add(timeout), left: maxBeforeAuth}
	// A connection that is closed already shows so at the first read.
	_ = conn.SetReadDeadline(x.until)
	return x
}

// token reads up to the auth message and returns its token, which is secret.
// The error is an [*ending] or errMessage.
func (x *exchange) token() (string, error) {
	for {
		h, err := x.header()
		if err != nil {
			return "", err
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(x.from, payload); err != nil {
			return "", broken(err)
		}
		wsframe.Unmask(payload, h.Mask)
		switch h.Opcode {
		case wsframe.Text:
			if token, isAuth, err := authToken(payload); isAuth || err != nil {
				return token, err
			}
		case wsframe.Ping:
			if err := x.pong(payload); err != nil {
				return "", err
			}
		case wsframe.Close:
			return "", peerClosed(payload)
		default: // binary and pongs are nothing
		}
	}
}

// header reads the header of a frame that may come now and whose payload is
// within the bound.
func (x *exchange) header() (wsframe.Header, error) {
	h, size, err := peekHeader(x.from)
	switch {
	case errors.Is(err, wsframe.ErrMalformed):
		return h, errFrame
	case err != nil:
		return h, broken(err)
	case !isLegal(h):
		return h, errFrame
	case h.Length > x.left-int64(size):
		return h, errTooBig
	case !h.Fin:
		// One text frame is promised, and nothing is put together here.
		return h, errMessage
	}
	x.left -= int64(size) + h.Length
	// It is in the buffer.
	_, _ = x.from.Discard(size)
	return h, nil
}

// isLegal is RFC 6455 5.1 to 5.5 for the first frame of a client's message,
// without extensions.
func isLegal(h wsframe.Header) bool {
	if !h.Masked || h.RSV != 0 {
		return false
	}
	switch h.Opcode {
	case wsframe.Text, wsframe.Binary:
		return true
	case wsframe.Close, wsframe.Ping, wsframe.Pong:
		return h.Fin && h.Length <= wsframe.MaxControl
	default:
		return false
	}
}

// pong answers a ping. There is room for as many as may come, so only a peer
// who takes nothing at all makes it wait.
func (x *exchange) pong(payload []byte) error {
	left := time.Until(x.until)
	if left <= 0 {
		return errAuthTimeout
	}
	return x.write(wsframe.Pong, payload, min(left, lingerTimeout))
}

// welcome tells a peer that it is in.
func (x *exchange) welcome(grant ticket.Grant) error {
	return x.write(wsframe.Text, greet("auth_ok", grant), lingerTimeout)
}

// write is bounded by timeout. A frame of which a part may be out cannot be
// followed by another: nothing is left to say then.
func (x *exchange) write(op wsframe.Opcode, payload []byte, timeout time.Duration) error {
	if x.conn.SetWriteDeadline(time.Now().Add(timeout)) != nil {
		return errLeft
	}
	if _, err := x.conn.Write(wsframe.Append(nil, op, payload, nil)); err != nil {
		return errLeft
	}
	return nil
}

// broken tells a deadline from a peer who is gone.
func broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errAuthTimeout
	}
	return errLeft
}
