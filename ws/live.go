package ws

import (
	"context"
	"sync"

	"wsticket/ticket"
)

// State is where a connection stands.
type State string

// The states of a connection.
const (
	// StateOpen: the application has it.
	StateOpen State = "open"
	// StateClosing: we have begun to close it.
	StateClosing State = "closing"
)

// connection is one that was admitted, from its 101 until its socket is gone.
type connection struct {
	// id is that of the ticket, or one of its own.
	id   ticket.ID
	door Door
	// end begins the closing handshake, and cut breaks the socket. Neither
	// blocks, and each may be called at any time and more than once.
	end func(closeCode)
	cut func()

	// Guarded by live.mu.
	state  State
	wasCut bool
}

// live knows the handshakes and connections that are under way, so that they
// can be counted and ended: of what was taken over net/http knows nothing.
type live struct {
	stopping context.Context // ends when the Handler stops
	stop     context.CancelFunc
	running  sync.WaitGroup // of what has entered and not left

	mu      sync.Mutex
	stopped bool
	open    map[*connection]struct{}
	byID    map[ticket.ID]*connection
	counts  map[Door]map[State]int
	drained Drained
}

func newLive() *live {
	l := &live{open: make(map[*connection]struct{}), byID: make(map[ticket.ID]*connection), counts: make(map[Door]map[State]int)}
	l.stopping, l.stop = context.WithCancel(context.Background())
	return l
}

// enter counts one more, which leave takes back. It is false where the
// Handler stops.
func (l *live) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.running.Add(1)
	return true
}

func (l *live) leave() { l.running.Done() }

// onStop calls f, in a goroutine of its own, when the Handler stops. It
// returns a function that calls this off and tells whether it came too late.
func (l *live) onStop(f func()) (callOff func() (tooLate bool)) {
	stop := context.AfterFunc(l.stopping, f)
	return func() bool { return !stop() }
}

// add counts a connection until it is removed. Its handshake has entered. One that comes while the
// Handler stops is ended at once.
func (l *live) add(c *connection) {
	l.running.Add(1)
	l.mu.Lock()
	l.open[c] = struct{}{}
	older := l.byID[c.id]
	l.byID[c.id] = c
	c.state = StateOpen
	l.countLocked(c, 1)
	late := l.stopped
	if late {
		l.drained.Total++
	}
	l.mu.Unlock()
	if older != nil {
		// A handshake that comes again is admitted again, because the first
		// answer was lost on its way. So nobody is there, or should be.
		l.end(older, replaced)
	}
	if late {
		l.end(c, goingAway)
	}
}

// end begins to close c. Where c is removed already, nothing is left to end.
func (l *live) end(c *connection, code closeCode) {
	l.mu.Lock()
	_, open := l.open[c]
	if open && c.state != StateClosing {
		l.countLocked(c, -1)
		c.state = StateClosing
		l.countLocked(c, 1)
	}
	l.mu.Unlock()
	if open {
		c.end(code)
	}
}

func (l *live) remove(c *connection) {
	defer l.running.Done()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	if l.byID[c.id] == c {
		delete(l.byID, c.id)
	}
	l.countLocked(c, -1)
	if l.stopped {
		l.drained.Closed++
	}
}

func (l *live) countLocked(c *connection, by int) {
	if l.counts[c.door] == nil {
		l.counts[c.door] = make(map[State]int)
	}
	l.counts[c.door][c.state] += by
}

// all lists the connections that there are.
func (l *live) all() []*connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*connection, 0, len(l.open))
	for c := range l.open {
		list = append(list, c)
	}
	return list
}
