package relay

import "time"

// startLinger makes the tunnel end after [Options.Linger] at the latest. Only
// the first call has an effect. The caller holds t.mu.
func (t *Tunnel) startLinger() {
	if t.lingering {
		return
	}
	d := t.relay.options.Linger
	t.lingering, t.lingerUntil = true, t.age()+d
	t.setTimer(d)
}

// setTimer sets the tunnel's only timer to fire after d. The caller holds t.mu.
func (t *Tunnel) setTimer(d time.Duration) {
	if t.timer == nil {
		t.timer = time.AfterFunc(d, t.onTimer)
	} else {
		t.timer.Reset(d)
	}
}

// onTimer is called when the timer fires. It ends a lingering tunnel, and
// otherwise checks the peers for silence.
func (t *Tunnel) onTimer() {
	t.mu.Lock()
	now, oneWay := t.age(), t.running < 2
	lingering, expired := t.lingering, now >= t.lingerUntil
	t.mu.Unlock()
	switch {
	case !lingering:
		t.checkSilence(now, oneWay)
	case expired:
		t.Cut()
	}
	// Otherwise the timer fired before startLinger reset it, and fires again.
}

// checkSilence closes or cuts the tunnel if the peers have been silent for too
// long, requests a Ping if the client has been silent, and sets the timer for
// the next check. now is the age of the tunnel. oneWay says that one of the pumps
// has ended. It may be the one that sends Pings, so that the client is then cut
// after twice [Options.Ping] of silence even if none was sent.
func (t *Tunnel) checkSilence(now time.Duration, oneWay bool) {
	client, lastPing := time.Duration(t.up.lastRead.Load()), time.Duration(t.lastPing.Load())
	next := time.Duration(1<<63 - 1)
	if idle := t.relay.options.IdleTimeout; idle > 0 {
		next = max(client, time.Duration(t.down.lastRead.Load())) + idle - now
		if next <= 0 {
			t.Close(codeGoingAway, "idle")
			return
		}
	}
	if ping := t.relay.options.Ping; ping > 0 {
		due := client + ping - now
		switch {
		case lastPing > client && now >= lastPing+ping, oneWay && now >= client+2*ping:
			t.Cut()
			return
		case lastPing > client:
			due = lastPing + ping - now
		case due <= 0:
			// The pump sends it when the frame being forwarded is complete. The
			// client's time to answer starts then: until then it may be silent
			// because it is busy receiving.
			t.down.pingWanted.Store(true)
			t.down.requestFrame()
			due = ping
		}
		next = min(next, due)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lingering && t.running > 0 {
		t.setTimer(next)
	}
}
