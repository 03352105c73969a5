package relay

import "time"

// linger lets the tunnel end in some time. Locked.
func (t *Tunnel) linger() {
	if t.lingering {
		return
	}
	d := t.relay.options.Linger
	t.lingering, t.until = true, t.age()+d
	t.arm(d)
}

// arm sets the one timer of the tunnel. Locked.
func (t *Tunnel) arm(d time.Duration) {
	if t.timer == nil {
		t.timer = time.AfterFunc(d, t.tick)
	} else {
		t.timer.Reset(d)
	}
}

// tick is what the timer does.
func (t *Tunnel) tick() {
	t.mu.Lock()
	now, half := t.age(), t.running < 2
	lingering, late := t.lingering, now >= t.until
	t.mu.Unlock()
	switch {
	case !lingering:
		t.watch(now, half)
	case late:
		t.Cut()
	}
	// Else it had gone off before it was set for the end.
}

// watch looks at how long peers have been silent, and sets the timer for when
// to look again. With half a tunnel only there may be nobody left who writes a
// Ping.
func (t *Tunnel) watch(now time.Duration, half bool) {
	client, pinged := time.Duration(t.up.last.Load()), time.Duration(t.pinged.Load())
	next := time.Duration(1<<63 - 1)
	if idle := t.relay.options.IdleTimeout; idle > 0 {
		next = max(client, time.Duration(t.down.last.Load())) + idle - now
		if next <= 0 {
			t.Close(codeGoingAway, "idle")
			return
		}
	}
	if ping := t.relay.options.Ping; ping > 0 {
		due := client + ping - now
		switch {
		case pinged > client && now >= pinged+ping, half && now >= client+2*ping:
			t.Cut()
			return
		case pinged > client:
			due = pinged + ping - now
		case due <= 0:
			// It is written when the stream to the client stands between two
			// frames. Until then, who is silent may be busy with reading.
			t.down.ping.Store(true)
			t.down.disturb()
			due = ping
		}
		next = min(next, due)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lingering && t.running > 0 {
		t.arm(next)
	}
}
