package ws

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"wsticket/internal/wsframe"
	"wsticket/live"
	"wsticket/ticket"
)

// maxBeforeAuth bounds all bytes that a peer may send before it has
// authenticated: one frame of 4 KiB with its header, or other frames instead.
// Headers count, so that empty frames are bounded, too.
const maxBeforeAuth = 4<<10 + 8

// exchange reads the frames before authentication from a connection that
// nobody else reads. The library cannot do that: a deadline on its Read closes
// the connection without a Close frame, it reads fragments for as long as they
// come, and it does not check that text is UTF-8.
type exchange struct {
	conn net.Conn
	from *bufio.Reader
	// until is the deadline of the message. Nothing extends it.
	until time.Time
	left  int64 // of maxBeforeAuth
	// rules are those of a client without extensions, always for the first frame
	// of a message: a fragmented one ends the exchange.
	rules wsframe.Rules
}

// newExchange starts the time for the message.
func newExchange(conn net.Conn, from *bufio.Reader, timeout time.Duration) *exchange {
	x := &exchange{conn: conn, from: from, until: time.Now().Add(timeout), left: maxBeforeAuth, rules: wsframe.Rules{Masked: true}}
	// If it fails the connection is closed, and the first read fails, too.
	_ = conn.SetReadDeadline(x.until)
	return x
}

// token reads to the auth message and returns its token, which is a secret.
// The error is an [*earlyEnd] or errMessage.
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
		default: // binary messages and pongs are ignored
		}
	}
}

// header reads the header of a frame that is allowed here and whose payload is
// within the bound.
func (x *exchange) header() (wsframe.Header, error) {
	h, size, err := peekHeader(x.from)
	fault, _ := errors.AsType[wsframe.Fault](err)
	if err == nil {
		fault = x.rules.Check(&h)
	}
	switch {
	case fault != "":
		return h, brokenFrame(fault)
	case err != nil:
		return h, broken(err)
	case h.Length > x.left-int64(size):
		return h, errTooBig
	case !h.Fin:
		// The message has to be one text frame: fragments are not joined here.
		return h, errMessage
	}
	x.left -= int64(size) + h.Length
	// It was just peeked.
	_, _ = x.from.Discard(size)
	return h, nil
}

// pong answers a ping. The socket's buffer has room for as many pongs as there
// can be pings, so it waits only for a peer that reads nothing at all.
func (x *exchange) pong(payload []byte) error {
	left := time.Until(x.until)
	if left <= 0 {
		return errAuthTimeout
	}
	return x.write(wsframe.Pong, payload, min(left, live.Linger))
}

// welcome sends auth_ok: the client is admitted.
func (x *exchange) welcome(grant ticket.Grant) error {
	return x.write(wsframe.Text, greet("auth_ok", grant), live.Linger)
}

// write is bounded by timeout. After a frame that may be written in part no
// other can follow, so every error is errLeft.
func (x *exchange) write(op wsframe.Opcode, payload []byte, timeout time.Duration) error {
	if x.conn.SetWriteDeadline(time.Now().Add(timeout)) != nil {
		return errLeft
	}
	if _, err := x.conn.Write(wsframe.Append(nil, op, payload, nil)); err != nil {
		return errLeft
	}
	return nil
}

// broken turns an error of the socket into a passed deadline or a peer that is
// gone.
func broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errAuthTimeout
	}
	return errLeft
}
