package ws

import (
	"bufio"
	"errors"
	"io"
	"net"

	"wsticket/internal/upgrade"
	"wsticket/internal/wsframe"
)

// checkedConn is a client's connection from which only frames can be read that
// RFC 6455 allows. The library answers only some faults with 1002, reports them
// to the Endpoint like any error, and takes lengths in any form.
type checkedConn struct {
	net.Conn
	early  []byte // what was read of Conn already
	frames wsframe.Tracker
	// held is the incomplete start of a frame, which comes before all that
	// Conn still has.
	held []byte
	// over is set behind the last frame: what follows is discarded. It is a Close
	// frame, or the next one has this fault.
	over  bool
	fault wsframe.Fault
	// filter takes out what is for us. passed is what it has let pass and Read has not
	// returned. nil: nothing is.
	filter *wsframe.Filter
	passed []byte
	// onFault is called by the Read that would begin with the frame: the
	// Endpoint has then had what came before.
	onFault func(wsframe.Fault)
}

// newCheckedConn takes over a connection. Its Buffered reader then reads from
// the result, which needs an onFault before that.
func newCheckedConn(conn upgrade.Conn) *checkedConn {
	c := &checkedConn{Conn: conn.Conn, early: conn.Early(), frames: wsframe.Tracker{Rules: wsframe.Rules{Masked: true}}}
	conn.Buffered.Reader.Reset(c)
	return c
}

// Read implements [net.Conn]. It needs room for the start of a frame, which the
// reader of a server's connection has.
func (c *checkedConn) Read(p []byte) (int, error) {
	for !c.over {
		n := copy(p, c.held)
		if n == len(p) {
			return 0, bufio.ErrBufferFull
		}
		more, err := c.read(p[n:])
		n += more
		passes, invalid := c.frames.Feed(p[:n])
		c.over = invalid != nil || c.frames.Closing
		c.fault, _ = errors.AsType[wsframe.Fault](invalid)
		if !c.over {
			c.held = append(c.held[:0], p[passes:n]...)
		}
		if passes > 0 || err != nil {
			return passes, err
		}
	}
	return 0, c.discard()
}

// discard reports the fault, if there is one, and waits for the end of the
// connection, which the report brings.
func (c *checkedConn) discard() error {
	if c.fault != "" {
		c.onFault(c.fault)
	}
	if _, err := io.Copy(io.Discard, c.Conn); err != nil {
		return err
	}
	return io.EOF
}

// read reads what the filter lets pass.
func (c *checkedConn) read(p []byte) (int, error) {
	if c.filter == nil {
		return c.receive(p)
	}
	if len(c.passed) == 0 {
		n, err := c.receive(p)
		if n == 0 {
			return 0, err
		}
		c.passed = c.filter.Pass(p[:n]) // which is longer than p only in memory of its own
	}
	n := copy(p, c.passed)
	c.passed = c.passed[n:]
	return n, nil
}

func (c *checkedConn) receive(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
