// Package bounded bounds the connections of a listener: in all, and of each
// client address. One more is accepted and closed at once. Left unaccepted, it
// would wait in the kernel's queue, and with it everybody behind it.
package bounded

import (
	"net"
	"net/netip"
	"sync/atomic"

	"wsticket/internal/limit"
)

// Bounds are the bounds of a [Listener].
type Bounds struct {
	// All is how many connections there may be, and OfAddress how many of a
	// client address. An IPv6 one counts by its networks; see [limit.Places].
	All, OfAddress int
	// Exempt reports whether an address is that of a proxy, which stands for many
	// clients. Its connections count in all only. Nil: no address is.
	Exempt func(netip.Addr) bool
}

// Listener is a TCP listener with bounds. It is safe for concurrent use.
type Listener struct {
	net.Listener
	bounds Bounds
	places *limit.Places

	refused, refusedOfAddress atomic.Uint64
	network                   atomic.Pointer[netip.Prefix] // see Stats.Network
}

// Listen returns a Listener that accepts from ln.
func Listen(ln *net.TCPListener, b Bounds) *Listener {
	return &Listener{Listener: ln, bounds: b, places: limit.NewPlaces(b.All, b.OfAddress)}
}

// Accept returns the next connection for which there is a place. Its place is
// free again when it is closed by anybody.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err // It is a net.Error, by which net/http decides whether to go on.
		}
		conn := &Conn{TCPConn: accepted.(*net.TCPConn), listener: l} //nolint:errcheck,forcetypeassert // Listen takes no other listener.
		if l.enter(conn) {
			return conn, nil
		}
		_ = accepted.Close()
	}
}

// enter takes the place of a connection, and reports whether there was one.
func (l *Listener) enter(c *Conn) bool {
	addr, _ := c.RemoteAddr().(*net.TCPAddr)
	c.client.Addr = addr.AddrPort().Addr().Unmap().WithZone("")
	c.exempt = l.bounds.Exempt != nil && l.bounds.Exempt(c.client.Addr)
	var full limit.Full
	var ok bool
	if c.exempt {
		full, ok = l.places.TakeAny()
	} else {
		full, ok = l.places.Take(c.client)
	}
	switch {
	case ok:
	case full.OfAll:
		l.refused.Add(1)
	default:
		l.network.Store(&full.Network)
		l.refusedOfAddress.Add(1)
	}
	return ok
}

func (l *Listener) leave(c *Conn) {
	if c.exempt {
		l.places.FreeAny()
	} else {
		l.places.Free(c.client)
	}
}

// Stats are the counts of a [Listener].
type Stats struct {
	// Open is how many connections are open now.
	Open int
	// Max and MaxOfAddress are the bounds.
	Max, MaxOfAddress int
	// Refused and RefusedOfAddress are how many connections the two bounds have
	// refused.
	Refused, RefusedOfAddress uint64
	// Network is the network whose connection the bound of an address has refused
	// last; the zero value if none was.
	Network netip.Prefix
}

// Stats returns the current counts.
func (l *Listener) Stats() Stats {
	s := Stats{
		Open: l.places.Taken(), Max: l.bounds.All, MaxOfAddress: l.bounds.OfAddress,
		Refused: l.refused.Load(), RefusedOfAddress: l.refusedOfAddress.Load(),
	}
	if network := l.network.Load(); network != nil {
		s.Network = *network
	}
	return s
}

// Conn is a connection that has a place. Everything but Close is that of the
// socket, so that it costs nothing per byte.
type Conn struct {
	*net.TCPConn
	listener *Listener
	client   limit.Client
	exempt   bool
	closed   atomic.Bool
}

// Close closes the socket, and then frees the place.
func (c *Conn) Close() error {
	err := c.TCPConn.Close()
	if c.closed.CompareAndSwap(false, true) {
		c.listener.leave(c)
	}
	return err
}

// Socket returns the socket of a [*Conn], and any other connection unchanged. It
// is for what works on sockets themselves. The place of a socket that is closed
// directly stays taken: close the connection.
func Socket(conn net.Conn) net.Conn {
	if c, ok := conn.(*Conn); ok {
		return c.TCPConn
	}
	return conn
}
