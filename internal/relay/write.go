package relay

import (
	"errors"
	"os"
	"time"
)

// maxRecord is the largest payload of a TLS record in bytes (RFC 8446 5.1).
const maxRecord = 16 << 10

var (
	// errStalled is returned when a peer has read nothing for
	// [Options.WriteTimeout].
	errStalled = errors.New("peer does not read")
	// errCut is returned when the tunnel was cut.
	errCut = errors.New("tunnel is cut")
)

// write writes all of b to p.dst. It returns errStalled when the peer does not
// read.
func (p *pump) write(b []byte) error {
	err := p.writeAll(b)
	p.unsent = nil // It would keep the buffer from being freed.
	if err != nil {
		p.writeFailed = true
		if isTimeout(err) {
			return errStalled
		}
	}
	return err
}

// writeAll first writes what the socket takes without waiting. It sets a
// deadline, which costs more than a small write, only for the rest.
func (p *pump) writeAll(b []byte) error {
	if p.dst.raw == nil {
		return p.writeRecords(b)
	}
	p.unsent, p.mustWrite = b, false
	if err := p.writeSocket(); err != nil || len(p.unsent) == 0 {
		return err
	}
	p.mustWrite = true
	for len(p.unsent) > 0 {
		// Each write has its own deadline: a peer that reads a little each time
		// is slow, but has not stalled.
		if err := p.setWriteDeadline(); err != nil {
			return err
		}
		if err := p.writeSocket(); err != nil {
			return err
		}
	}
	return p.dst.conn.SetWriteDeadline(time.Time{})
}

// writeRecords writes b to a connection that is no plain socket, mostly TLS. It
// does so by records, so that the deadline is for one record and not for all
// of b.
func (p *pump) writeRecords(b []byte) error {
	for len(b) > 0 {
		if err := p.setWriteDeadline(); err != nil {
			return err
		}
		n, err := p.dst.conn.Write(b[:min(len(b), maxRecord)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// setWriteDeadline sets the deadline of the next write.
func (p *pump) setWriteDeadline() error {
	err := p.dst.conn.SetWriteDeadline(time.Now().Add(p.tunnel.relay.options.WriteTimeout))
	if p.tunnel.isCut.Load() { // Checked after the call, which may have undone abort.
		return errCut
	}
	return err
}

// writeSocket writes what the socket takes of p.unsent, and removes it there.
// With p.mustWrite it waits until the socket takes something.
func (p *pump) writeSocket() error {
	if err := p.dst.raw.Write(p.onWritable); err != nil {
		return err
	}
	return p.writeErr
}

// writable writes what can be written to the socket without waiting. The
// network poller calls it first at once, and again whenever the socket may be
// writable, until it returns true.
func (p *pump) writable(fd uintptr) bool {
	for len(p.unsent) > 0 {
		n, ok, err := tryWrite(fd, p.unsent)
		if !ok {
			return !p.mustWrite
		}
		p.unsent, p.writeErr = p.unsent[n:], err
		if err != nil || p.mustWrite {
			return true
		}
	}
	return true
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
