package relay

import "net"

// Tracker is tracker.
type Tracker = tracker

// NewTracker returns a tracker with this limit.
func NewTracker(limit int64) *Tracker { return &tracker{limit: limit} }

// Feed is feed.
func (t *tracker) Feed(b []byte) (int, error) { return t.feed(b) }

// Seen returns what the tracker has seen so far.
func (t *tracker) Seen() (messages uint64, closing bool, code uint16) {
	return t.messages, t.closing, t.code
}

// Between reports whether the stream is between two frames.
func (t *tracker) Between() bool { return t.left == 0 }

// ErrTooBig is errTooBig.
var ErrTooBig = errTooBig

// WatchPeer is enableKeepalive.
func WatchPeer(conn net.Conn) { enableKeepalive(conn) }

// IsSocket reports whether a connection is read and written as a socket.
func IsSocket(conn net.Conn) bool { return rawConn(conn) != nil }

// MaxPartial is maxPartial.
const MaxPartial = maxPartial
