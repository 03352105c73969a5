package load

import (
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"wsticket/internal/wsframe"
)

const (
	// closeWait is how long the server has for its part of the closing
	// handshake.
	closeWait = time.Second
	// closeNormal is the close code of a client that has finished.
	closeNormal = 1000
)

// greeting waits for the application's first message. Pings before it are
// skipped: the connection is too short for a pong to matter. A close frame is
// an error that names its code.
func (c *conn) greeting() error {
	for {
		head, err := c.frameHeader()
		switch {
		case err != nil:
			return err
		case head.Opcode == wsframe.Close:
			return c.closeCode(head)
		case !head.Opcode.IsControl() && head.Opcode != wsframe.Text && head.Opcode != wsframe.Binary:
			return kindFrame
		}
		if _, err := c.in.Discard(int(head.Length)); err != nil || !head.Opcode.IsControl() {
			return err
		}
	}
}

// frameHeader reads the header of a frame. Fragments, extensions, masked frames
// and long ones are refused.
func (c *conn) frameHeader() (wsframe.Header, error) {
	start, err := c.in.Peek(2)
	if err != nil {
		return wsframe.Header{}, err
	}
	start, err = c.in.Peek(wsframe.HeaderSize(start[1]))
	if err != nil {
		return wsframe.Header{}, err
	}
	head, size, fault := wsframe.ParseHeader(start)
	if fault != "" || !head.Fin || head.RSV != 0 || head.Masked || head.Length > maxAnswer {
		return wsframe.Header{}, kindFrame
	}
	_, err = c.in.Discard(size)
	return head, err
}

func (c *conn) closeCode(head wsframe.Header) error {
	if head.Length > wsframe.MaxControl {
		return kindFrame
	}
	payload := make([]byte, head.Length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return err
	}
	code, _, ok := wsframe.ParseClose(payload)
	switch {
	case !ok:
		return kindFrame
	case code == wsframe.NoStatus:
		return kind("close without a code")
	default:
		return kind(fmt.Sprintf("close %d", code))
	}
}

// leave closes the WebSocket as RFC 6455 7.1.2 asks: a close frame, after which
// the server is the first to close the connection. That costs the server what
// the leaving of a real client does. Without an answer the connection is closed
// all the same.
func (c *conn) leave() {
	defer c.drop()
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // never fails
	if c.send(wsframe.Append(nil, wsframe.Close, wsframe.ClosePayload(closeNormal, ""), &mask), closeWait) == nil {
		_, _ = io.Copy(io.Discard, c.in)
	}
}
