package relay

import (
	"net"

	"wsticket/internal/wsframe"
)

// Tracker is tracker.
type Tracker = tracker

// NewTracker returns a tracker of a client or of an application, with this limit
// and these extensions.
func NewTracker(client bool, limit int64, extensions ...string) *Tracker {
	return &tracker{limit: limit, rules: wsframe.Rules{Masked: client, Bits: reservedBits(extensions)}}
}

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

// MaxPartial is maxPartial.
const MaxPartial = maxPartial
