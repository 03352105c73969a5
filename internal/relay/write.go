package relay

import (
	"errors"
	"os"
	"time"
)

var (
	// errStalled is a peer that takes nothing for too long.
	errStalled = errors.New("peer does not read")
	// errCut is a tunnel that is cut.
	errCut = errors.New("tunnel is cut")
)

// write writes all of b.
func (p *pump) write(b []byte) error {
	err := p.writeAll(b)
	p.out = nil // It would keep the buffer.
	if err != nil {
		p.broken = true
		if isTimeout(err) {
			return errStalled
		}
	}
	return err
}

// writeAll sets no deadline where it does not have to wait.
func (p *pump) writeAll(b []byte) error {
	if p.dst.raw == nil {
		return p.writePieces(b)
	}
	p.out, p.patient = b, false
	if err := p.writeRaw(); err != nil || len(p.out) == 0 {
		return err
	}
	p.patient = true
	for len(p.out) > 0 {
		// A peer that takes a part each time is slow and not stalled.
		if err := p.expectWrite(); err != nil {
			return err
		}
		if err := p.writeRaw(); err != nil {
			return err
		}
	}
	return p.dst.conn.SetWriteDeadline(time.Time{})
}

// writePieces is for what cannot be asked without waiting: TLS, above all. A
// piece is a record of it (RFC 8446 5.1).
func (p *pump) writePieces(b []byte) error {
	for len(b) > 0 {
		if err := p.expectWrite(); err != nil {
			return err
		}
		n, err := p.dst.conn.Write(b[:min(len(b), 16<<10)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// expectWrite sets the deadline for what is written next.
func (p *pump) expectWrite() error {
	err := p.dst.conn.SetWriteDeadline(time.Now().Add(p.tunnel.relay.options.WriteTimeout))
	if p.tunnel.over.Load() { // Asked now, lest it is abort that was undone.
		return errCut
	}
	return err
}

// writeRaw writes what of out can be written, and removes it there. Where it
// is patient, that is something.
func (p *pump) writeRaw() error {
	if err := p.dst.raw.Write(p.onWritable); err != nil {
		return err
	}
	return p.writeErr
}

// writable is called at once, and again whenever something can be written,
// until it is true.
func (p *pump) writable(fd uintptr) bool {
	for len(p.out) > 0 {
		n, ok, err := tryWrite(fd, p.out)
		if !ok {
			return !p.patient
		}
		p.out, p.writeErr = p.out[n:], err
		if err != nil || p.patient {
			return true
		}
	}
	return true
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
