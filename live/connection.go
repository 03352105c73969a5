package live

import (
	"context"
	"sync"
	"time"

	"wsticket/ticket"
)

// State is the state of a connection.
type State string

// The states of a connection.
const (
	// StateOpen: the application uses it.
	StateOpen State = "open"
	// StateClosing: wsticket has begun to close it.
	StateClosing State = "closing"
)

// Ender closes a connection. Neither method blocks; both may be called at any
// time, more than once, and by any goroutine.
type Ender interface {
	// End begins the closing handshake (RFC 6455 7.1.2).
	End(e ticket.Ending)
	// Cut closes the socket without one.
	Cut()
}

// Connection is a WebSocket that a grant opened.
type Connection struct {
	// Grant is the grant that opened it. Its ID is also that of the connection.
	// It must not be empty: a new connection ends the older one of the same ID. After
	// [Registry.Add] it is the registry's, and a renewal replaces it but for the ID.
	Grant ticket.Grant
	// Presentation has the door and the client's address.
	Presentation ticket.Presentation
	// Request is the request that was upgraded.
	Request ticket.RequestInfo

	registry *Registry
	start    time.Time

	mu    sync.Mutex
	ender Ender          // nil until Attach
	asked *ticket.Ending // how to end it as soon as it has one
	cut   bool           // likewise

	// Guarded by Registry.mu.
	state  State
	wasCut bool
}

// Began emits [ticket.EventConnect]: the 101 is sent.
func (c *Connection) Began(ctx context.Context) {
	c.registry.emit(ctx, c, ticket.Event{
		Kind: ticket.EventConnect, Action: ticket.ActionHandshake, At: c.start, Outcome: "connected",
	})
}

// Attach sets what closes the connection. If End was called before, the
// connection is ended now.
func (c *Connection) Attach(e Ender) {
	c.mu.Lock()
	c.ender = e
	asked, cut := c.asked, c.cut
	c.mu.Unlock()
	if asked != nil {
		e.End(*asked)
	}
	if cut {
		e.Cut()
	}
}

// End begins to close the connection. It does nothing if the connection is
// closed already.
func (c *Connection) End(e ticket.Ending) {
	if !c.registry.closing(c) {
		return
	}
	c.mu.Lock()
	ender := c.ender
	if ender == nil && c.asked == nil {
		c.asked = &e
	}
	c.mu.Unlock()
	if ender != nil {
		ender.End(e)
	}
}

// cutOff closes the socket at once.
func (c *Connection) cutOff() {
	c.mu.Lock()
	ender := c.ender
	c.cut = true
	c.mu.Unlock()
	if ender != nil {
		ender.Cut()
	}
}

// Ended emits [ticket.EventDisconnect] and then removes the connection, in this
// order, so that every event has been emitted when [Registry.Shutdown] returns.
// [Registry.Stats] may count the connection a moment longer. Call it once, when
// the socket is closed.
func (c *Connection) Ended(ctx context.Context, how ticket.Closed) {
	now := c.registry.o.Now()
	c.registry.emit(ctx, c, ticket.Event{
		Kind: ticket.EventDisconnect, Action: ticket.ActionHandshake, At: now, Duration: now.Sub(c.start), Closed: how,
	})
	c.registry.remove(c)
}

// Abandon removes a connection whose 101 could not be sent.
func (c *Connection) Abandon() { c.registry.remove(c) }
