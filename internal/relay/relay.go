package relay

import "sync/atomic"

// Relay forwards WebSocket connections to one application. [New] creates one.
// It is safe for concurrent use.
type Relay struct {
	options     Options
	target      target
	openTunnels atomic.Int64
	hangups     hangups
	// All pumps update these counters. Each has a cache line of its own, so
	// that the two directions do not slow each other down.
	_            [64]byte
	fromClient   counter
	_            [64]byte
	fromUpstream counter
}

// counter counts the traffic of one direction over all tunnels.
type counter struct{ messages, bytes atomic.Uint64 }

func (c *counter) add(messages, bytes uint64) {
	c.bytes.Add(bytes)
	if messages > 0 {
		c.messages.Add(messages)
	}
}

func (c *counter) traffic() Traffic {
	return Traffic{Messages: c.messages.Load(), Bytes: c.bytes.Load()}
}

// Traffic is what was forwarded in one direction.
type Traffic struct {
	// Messages is the number of text and binary messages. A fragmented message
	// counts once, and control frames do not count.
	Messages uint64
	// Bytes is the size of all forwarded frames, headers included. Frames that
	// the relay itself sent do not count.
	Bytes uint64
}

// Stats are the figures of a [Relay].
type Stats struct {
	// Open is the number of tunnels that are open now.
	Open int64
	// FromClient and FromUpstream are the totals of all tunnels since the
	// start. They grow while data is forwarded, not only when a tunnel ends.
	FromClient, FromUpstream Traffic
}

// Stats returns the current figures. Each of them is exact, but they are not
// read at the same instant.
func (r *Relay) Stats() Stats {
	return Stats{Open: r.openTunnels.Load(), FromClient: r.fromClient.traffic(), FromUpstream: r.fromUpstream.traffic()}
}
