package relay

import "wsticket/internal/wsframe"

// insertFrame sends the frame of the relay that is wanted, a Close or a Ping,
// if the last forwarded frame is complete. A control frame may also stand
// between the fragments of a message (RFC 6455 5.4).
func (p *pump) insertFrame() error {
	if p.frames.Left > 0 {
		return nil
	}
	p.frameWanted.Store(false)
	if p.discarding {
		return nil
	}
	if frames := p.tunnel.ownClose.Load(); frames != nil {
		p.discarding = true
		err := p.write(p.tunnel.encodeClose(p, frames))
		p.tunnel.ownCloseSent(p)
		return err
	}
	if p.pingWanted.CompareAndSwap(true, false) {
		// The client's Pong is forwarded to the application, which ignores an
		// unsolicited one (RFC 6455 5.5.3).
		p.tunnel.lastPing.Store(int64(p.tunnel.age()))
		if err := p.write(wsframe.Append(nil, wsframe.Ping, nil, nil)); err != nil {
			return err
		}
	}
	if p == &p.tunnel.down {
		if texts := p.tunnel.takeTexts(); texts != nil {
			return p.write(texts)
		}
	}
	return nil
}
