package live

import (
	"cmp"
	"context"
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
	// Audiences say who may have which: who renews a connection must still be
	// allowed to have its audience. Default: everybody may have every one.
	Audiences ticket.Audiences
	// EndReplayed ends the connection of a ticket that is presented again: see
	// [Registry.WatchReplays].
	EndReplayed bool
	// Sessions is asked again every Recheck about the sessions that live connections
	// were opened with, where the grants have their cookies: see
	// [Registry.RecheckSessions]. Default: nobody is asked.
	Sessions Sessions
	Recheck  time.Duration
	// MaxStale is how long connections with a session stay open while Sessions does
	// not answer. Default: for ever.
	MaxStale time.Duration
	// Events gets each connection that opens, is renewed and closes. Default: none.
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

	mu      sync.Mutex
	stopped bool
	open    map[*Connection]struct{}
	byID    map[ticket.ID]*Connection
	counts  map[ticket.Door]map[State]int
	drained Drained

	revoked map[ticket.Selector]ticket.Revocation
	replays chan ticket.Event

	sessions *rechecks
}

// New returns a Registry. The error joins a [*ticket.OptionError] for each
// fault.
func New(o Options) (*Registry, error) {
	faults := ticket.OptionErrors{Package: "live"}
	faults.Check(o.DrainWindow <= maxDrainWindow, "DrainWindow", "must be at most %s (got %s)", maxDrainWindow, o.DrainWindow)
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
		revoked: make(map[ticket.Selector]ticket.Revocation), replays: make(chan ticket.Event, maxReplays),
		sessions: newRechecks(),
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
	cookies := c.Grant.Identity.Cookies
	c.Grant.Identity.Cookies = ticket.Bearer{} // they are kept once for all connections of a session
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
	if err := r.Check(ctx, r.grantOf(c)); err != nil {
		r.remove(c)
		return err
	}
	r.keepSession(c, cookies)
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
	defer r.sessions.remove(c) // after it is in no index
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
		if named.Matches(r.grantOf(c)) {
			list = append(list, c)
		}
	}
	return list
}

// grantOf returns the grant of a connection, which a renewal replaces.
func (r *Registry) grantOf(c *Connection) ticket.Grant {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.Grant
}

// replaceGrant replaces the grant of the connection with an ID by what f makes of it,
// in one step. The error is [ticket.ErrNotFound] or f's, and c is set with the latter.
func (r *Registry) replaceGrant(id ticket.ID, f func(had ticket.Grant) (ticket.Grant, error)) (c *Connection, grant ticket.Grant, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c = r.byID[id]
	if c == nil || c.state != StateOpen {
		return nil, ticket.Grant{}, ticket.ErrNotFound
	}
	if grant, err = f(c.Grant); err == nil {
		c.Grant = grant
	}
	return c, grant, err
}

// emit completes an event about a connection and hands it on.
func (r *Registry) emit(ctx context.Context, c *Connection, e ticket.Event) {
	grant := r.grantOf(c)
	e.TicketID, e.Identity, e.Presentation, e.Request = grant.ID, grant.Identity, c.Presentation, c.Request
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
