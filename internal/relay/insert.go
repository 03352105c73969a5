package relay

import (
	"slices"

	"wsticket/internal/wsframe"
)

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

// maxTexts is how many messages of [Tunnel.Send] wait.
const maxTexts = 4

// Send sends the client a text message of the relay between two messages of the
// application, and returns at once. If four wait, the oldest one is dropped. It is not
// compressed, which RFC 7692 6 allows. After Close nothing is sent.
func (t *Tunnel) Send(text []byte) {
	t.mu.Lock()
	if len(t.texts) == maxTexts {
		t.texts = slices.Delete(t.texts, 0, 1)
	}
	t.texts = append(t.texts, text)
	t.mu.Unlock()
	t.down.requestFrame()
}

// takeTexts returns the messages of [Tunnel.Send] that wait, as frames, unless a message
// has begun: then they go on waiting, because messages are not interleaved (RFC 6455 5.4).
func (t *Tunnel) takeTexts() (frames []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down.frames.Rules.InMessage() {
		if len(t.texts) > 0 {
			t.down.frameWanted.Store(true)
		}
		return nil
	}
	for _, text := range t.texts {
		frames = wsframe.Append(frames, wsframe.Text, text, nil)
	}
	t.texts = nil
	return frames
}
