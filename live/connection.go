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
	// stateGone: it is no longer in the registry.
	stateGone State = "gone"
)

// Ender closes a connection. Neither method blocks; both may be called at any
// time, more than once, and by any goroutine. An Ender can be a [Notifier], too.
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
	// Request is the request that was upgraded: see [RequestOf].
	Request Request

	registry *Registry
	start    time.Time

	links [kinds]link // guarded by the shards
	slot  int32       // guarded by deadlines.mu

	mu    sync.Mutex // of Grant, too
	state State
	ender Ender          // nil until Attach
	asked *ticket.Ending // how to end it as soon as it has one
	cut   bool           // likewise
	owed  bool           // likewise: the notice that its time is nearly over
}

// Began emits [ticket.EventConnect]: the 101 is sent.
func (c *Connection) Began(ctx context.Context) {
	c.registry.emit(ctx, c, ticket.Event{
		Kind: ticket.EventConnect, Action: ticket.ActionHandshake, At: c.start, Outcome: "connected",
	})
}

// Attach sets what closes the connection. If End was called before, or the time of the
// connection is over, it is ended now.
func (c *Connection) Attach(e Ender) {
	c.mu.Lock()
	c.ender = e
	asked, cut, owed := c.asked, c.cut, c.owed
	c.mu.Unlock()
	if owed {
		c.notify()
	}
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
	c.mu.Lock()
	ender := c.closingLocked(e)
	c.mu.Unlock()
	if ender != nil {
		ender.End(e)
	}
}

// expire ends the connection because its time is over, unless it was renewed since.
func (c *Connection) expire() {
	c.mu.Lock()
	var ender Ender
	if !c.registry.deadlines.has(c) {
		ender = c.closingLocked(ticket.EndExpired)
	}
	c.mu.Unlock()
	if ender != nil {
		ender.End(ticket.EndExpired)
	}
}

// closingLocked notes that the connection is being closed, and returns its Ender, if it
// has one and is still there.
func (c *Connection) closingLocked(e ticket.Ending) Ender {
	switch c.state {
	case stateGone:
		return nil
	case StateOpen:
		c.registry.changeState(c, StateClosing)
		c.registry.deadlines.forget(c)
	case StateClosing:
	}
	if c.ender == nil && c.asked == nil {
		c.asked = &e
	}
	return c.ender
}

// cutOff closes the socket at once. first is false if that was done before.
func (c *Connection) cutOff() (first bool) {
	c.mu.Lock()
	ender := c.ender
	first, c.cut = !c.cut, true
	c.mu.Unlock()
	if ender != nil {
		ender.Cut()
	}
	return first
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
