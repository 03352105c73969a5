package relay

import "net"

// Tracker is what follows frames.
type Tracker = tracker

// NewTracker returns one with that limit.
func NewTracker(limit int64) *Tracker { return &tracker{limit: limit} }

// Feed is feed.
func (t *tracker) Feed(b []byte) (int, error) { return t.feed(b) }

// Seen is what was followed by now.
func (t *tracker) Seen() (messages uint64, closing bool, code uint16) {
	return t.messages, t.closing, t.code
}

// Between tells whether the stream stands between two frames.
func (t *tracker) Between() bool { return t.left == 0 }

// ErrTooBig is errTooBig.
var ErrTooBig = errTooBig

// WatchPeer is watchPeer.
func WatchPeer(conn net.Conn) { watchPeer(conn) }

// MaxPartial is how much a tracker leaves over at most.
const MaxPartial = maxPartial
