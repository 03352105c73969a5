package live

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"sync"
	"time"

	"wsticket/ticket"
)

// DefaultDrainWindow is the default of Options.DrainWindow.
const DefaultDrainWindow = 5 * time.Second

// Options are the settings of a [Registry]. The zero value is usable.
type Options struct {
	// DrainWindow is the time over which [Registry.Shutdown] closes the
	// connections. At most 10 m. Default: 5 s; negative: all at once.
	DrainWindow time.Duration
	// Peers are the other processes that share a store. [Registry.ServePeers] answers
	// their questions. Default: this process is alone.
	Peers Peers
	// SealKeys encrypt what the processes tell each other: see [ticket.Options].
	// Required with Peers.
	SealKeys [][]byte
	// Events gets each connection that opens and closes. Default: none.
	Events ticket.Sink
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Registry knows the handshakes and connections that are under way. It is safe
// for concurrent use.
type Registry struct {
	o        Options
	stopping context.Context // ends when the registry stops
	stop     context.CancelFunc
	running  sync.WaitGroup // of handshakes that entered, and connections
	node     string         // the name of this process among Peers
	peerSeal *ticket.Seal

	mu      sync.Mutex
	stopped bool
	open    map[*Connection]struct{}
	byID    map[ticket.ID]*Connection
	counts  map[ticket.Door]map[State]int
	drained Drained

	revoked map[ticket.Selector]ticket.Revocation
}

// New returns a Registry. The error joins a [*ticket.OptionError] for each
// fault.
func New(o Options) (*Registry, error) {
	faults := ticket.OptionErrors{Package: "live"}
	faults.Check(o.DrainWindow <= maxDrainWindow, "DrainWindow", "must be at most %s (got %s)", maxDrainWindow, o.DrainWindow)
	faults.Check(o.Peers == nil || len(o.SealKeys) > 0, "SealKeys", "required with Peers")
	peerSeal, err := ticket.NewSeal(o.SealKeys, purposeQuestion, purposeAnswer)
	faults.Add("SealKeys", err)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	o.DrainWindow = cmp.Or(o.DrainWindow, DefaultDrainWindow)
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Registry{
		o: o, open: make(map[*Connection]struct{}),
		byID: make(map[ticket.ID]*Connection), counts: make(map[ticket.Door]map[State]int),
		revoked: make(map[ticket.Selector]ticket.Revocation),
		node:    rand.Text(), peerSeal: peerSeal,
	}
	r.stopping, r.stop = context.WithCancel(context.Background())
	return r, nil
}

// Enter counts a handshake until leave is called. If ok is false, the registry
// stops, and the handshake must be refused.
func (r *Registry) Enter() (leave func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, false
	}
	r.running.Add(1)
	return r.running.Done, true
}

// OnStop calls f in a goroutine of its own when the registry stops. The
// returned function cancels that, and reports whether f was called before.
func (r *Registry) OnStop(f func()) (cancel func() (tooLate bool)) {
	stop := context.AfterFunc(r.stopping, f)
	return func() bool { return !stop() }
}

// Add counts a connection whose handshake has entered, just before its 101, and then
// looks at the revocations: the connection is there before, so that a revocation which
// comes later finds it. It ends an older connection of the same ID, and c itself if the
// registry stops. If there is an error c is removed again: it wraps
// [ticket.ErrBearerRevoked] or [ticket.ErrUnavailable].
//
// Call [Connection.Began] when the 101 is sent, or [Connection.Abandon] if it
// cannot be sent, and [Connection.Attach] when the connection can be closed.
func (r *Registry) Add(ctx context.Context, c *Connection) error {
	c.registry, c.start = r, r.o.Now()
	r.running.Add(1)
	r.mu.Lock()
	r.open[c] = struct{}{}
	older := r.byID[c.Grant.ID]
	r.byID[c.Grant.ID] = c
	c.state = StateOpen
	r.countLocked(c, 1)
	late := r.stopped
	if late {
		r.drained.Total++
	}
	r.mu.Unlock()
	if err := r.Check(ctx, c.Grant); err != nil {
		r.remove(c)
		return err
	}
	if older != nil {
		// The same attempt is admitted again because its first answer was lost.
		// So nobody uses the older connection.
		older.End(ticket.EndReplaced)
	}
	if late {
		c.End(ticket.EndDraining)
	}
	return nil
}

// closing notes that c is being closed, and reports whether it is still there.
func (r *Registry) closing(c *Connection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, open := r.open[c]
	if open && c.state != StateClosing {
		r.countLocked(c, -1)
		c.state = StateClosing
		r.countLocked(c, 1)
	}
	return open
}

func (r *Registry) remove(c *Connection) {
	defer r.running.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
	if r.byID[c.Grant.ID] == c {
		delete(r.byID, c.Grant.ID)
	}
	r.countLocked(c, -1)
	if r.stopped {
		r.drained.Closed++
	}
}

func (r *Registry) countLocked(c *Connection, by int) {
	door := c.Presentation.Door
	if r.counts[door] == nil {
		r.counts[door] = make(map[State]int)
	}
	r.counts[door][c.state] += by
}

// all lists the connections that there are.
func (r *Registry) all() []*Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*Connection, 0, len(r.open))
	for c := range r.open {
		list = append(list, c)
	}
	return list
}

// matching lists the connections that a selector names. Whether a revocation also voids
// them is for [ticket.Revocation.Matches] to say.
func (r *Registry) matching(s ticket.Selector) []*Connection {
	named := ticket.Revocation{Selector: s, Before: r.o.Now().AddDate(1, 0, 0)}
	var list []*Connection
	for _, c := range r.all() {
		if named.Matches(c.Grant) {
			list = append(list, c)
		}
	}
	return list
}

// emit completes an event about a connection and hands it on.
func (r *Registry) emit(ctx context.Context, c *Connection, e ticket.Event) {
	e.TicketID, e.Identity, e.Presentation, e.Request = c.Grant.ID, c.Grant.Identity, c.Presentation, c.Request
	e.Reason = "ok"
	r.o.Events.Emit(ctx, e)
}

// Stats are counts of a [Registry].
type Stats struct {
	// Connections there are now, by the door that they came by and their state.
	Connections map[ticket.Door]map[State]int
	// Drained is zero until the registry stops.
	Drained Drained
}

// Stats returns the counts. The caller owns the maps.
func (r *Registry) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Connections: make(map[ticket.Door]map[State]int), Drained: r.drained}
	for door, states := range r.counts {
		s.Connections[door] = maps.Clone(states)
	}
	return s
}
