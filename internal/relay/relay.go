package relay

import "sync/atomic"

// Relay relays WebSockets to one application. It is safe for concurrent use.
type Relay struct {
	options Options
	to      target
	open    atomic.Int64
	hangups hangups
	// What both directions count all the time lies on cache lines of its own.
	_            [64]byte
	fromClient   counter
	_            [64]byte
	fromUpstream counter
}

// counter is Traffic while it grows.
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

// Traffic is what was passed on in one direction.
type Traffic struct {
	// Messages are those of the application, of any number of frames. Control
	// frames are none.
	Messages uint64
	// Bytes are those of whole frames, with their headers, but for frames of
	// our own.
	Bytes uint64
}

// Stats is what a [Relay] does and has done since its start.
type Stats struct {
	// Open is the number of tunnels.
	Open int64
	// FromClient and FromUpstream grow as bytes pass.
	FromClient, FromUpstream Traffic
}

// Stats returns the present figures. Each is right by itself; together they
// are not of one moment.
func (r *Relay) Stats() Stats {
	return Stats{Open: r.open.Load(), FromClient: r.fromClient.traffic(), FromUpstream: r.fromUpstream.traffic()}
}
