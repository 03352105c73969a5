package live

import (
	"cmp"
	"context"
	"crypto/rand"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"wsticket/ticket"
)

// DefaultDrainWindow is the default of Options.DrainWindow.
const DefaultDrainWindow = 5 * time.Second

// Options are the settings of a [Registry]. The zero value is usable.
type Options struct {
	// DrainWindow is the time over which [Registry.Shutdown] closes the
	// connections. At most 10 m. Default: 5 s; negative: all at once.
	DrainWindow time.Duration
	// ExpiryNotice is how long before its end the client of a connection is told, in
	// a text message {"type":"auth_expiring","expiresAt":"…"}, if the connection can be
	// sent one; see [Notifier]. At most 1 h. Default: it is not told.
	ExpiryNotice time.Duration
	// Issuers are those whose bearers open connections. Default: any, with the
	// default leeway and lifetime.
	Issuers []Issuer
	// Stream carries revocations to the other processes that share a store, and keeps
	// them for those that start later. [Registry.Sync] and [Registry.Follow] read it.
	// Default: this process is alone.
	Stream ticket.Stream
	// Durable stores revocations for the processes that start when nobody else remembers
	// them, in addition to Stream. Default: they are forgotten when this process ends and
	// Stream is lost.
	Durable RevocationLog
	// Peers are the other processes that share a store. [Registry.ServePeers] answers
	// their questions. Default: this process is alone.
	Peers Peers
	// MaxPerSubject is how many connections a subject may have at once. One too many is
	// [ticket.ErrTooManyConnections]; with ReplaceOldest the oldest is ended instead, with
	// [ticket.EndDisplaced]. At most 10 000. Default: 0, no limit.
	MaxPerSubject int
	ReplaceOldest bool
	// Leases count the connections of a subject in all processes that share a store:
	// see [Registry.KeepPlaces]. Default: this process is alone.
	Leases Leases
	// SealKeys encrypt what the processes tell each other: see [ticket.Options]. Required
	// with Stream, Peers and Leases.
	SealKeys [][]byte
	// MaxStale is how long connections stay open while Stream cannot be read. After
	// it they are ended with [ticket.EndOverload], and new ones are refused. Default:
	// for ever.
	MaxStale time.Duration
	// MaxRevocations bounds how many users, sessions, bearers and connections are
	// revoked at once, at about 500 bytes each. Default: 200 000.
	MaxRevocations int
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
	// Events gets each connection that opens, is renewed and closes, and each
	// revocation. Default: none.
	Events ticket.Sink
	// Logger gets what is wrong with Stream. Default: none.
	Logger *slog.Logger
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
	leaving  atomic.Bool

	shards    [shards]shard
	seed      maphash.Seed
	deadlines *deadlines
	pace      pacer
	cuts      atomic.Int64 // connections that Shutdown has cut
	node      string       // the name of this process among Peers
	settings  atomic.Pointer[settings]

	mu      sync.Mutex
	stopped bool

	revoked  *revokedSet
	follower follower
	unstored atomic.Bool     // Options.Durable may lack something
	ended    [3]atomic.Int64 // by revocations, in the order of endedActions
	replays  chan ticket.Event
	sessions *rechecks
	places   *places
}

// New returns a Registry. The error joins a [*ticket.OptionError] for each
// fault.
func New(o Options) (*Registry, error) {
	faults := ticket.OptionErrors{Package: "live"}
	faults.Check(o.DrainWindow <= maxDrainWindow, "DrainWindow", "must be at most %s (got %s)", maxDrainWindow, o.DrainWindow)
	faults.Check(o.ExpiryNotice >= 0 && o.ExpiryNotice <= maxNotice, "ExpiryNotice", "must be from 0s to %s (got %s)", maxNotice, o.ExpiryNotice)
	faults.Check(o.MaxStale >= 0, "MaxStale", "must not be negative (got %s)", o.MaxStale)
	faults.Check(o.Stream == nil && o.Peers == nil && o.Leases == nil || len(o.SealKeys) > 0, "SealKeys", "required with Stream, Peers and Leases")
	faults.Check(o.MaxPerSubject >= 0 && o.MaxPerSubject <= maxPerSubject, "MaxPerSubject", "must be from 0 to %d (got %d)", maxPerSubject, o.MaxPerSubject)
	seal, err := ticket.NewSeal(o.SealKeys, purposeRevocation, purposeQuestion, purposeAnswer)
	faults.Add("SealKeys", err)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	o.MaxRevocations = cmp.Or(o.MaxRevocations, DefaultMaxRevocations)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.DrainWindow = cmp.Or(o.DrainWindow, DefaultDrainWindow)
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Registry{o: o, node: rand.Text(), seed: maphash.MakeSeed(), revoked: newRevokedSet(), sessions: newRechecks(), replays: make(chan ticket.Event, maxReplays), places: newPlaces(o.Leases)}
	for i := range r.shards {
		r.shards[i].init()
	}
	r.deadlines = newDeadlines(o.Now, o.ExpiryNotice, r.endDue)
	r.settings.Store(&settings{seal: seal, issuers: slices.Clone(o.Issuers), audiences: o.Audiences.Clone()})
	r.follower.begin()
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
// comes later finds it. Before, it takes a place of those that Options.MaxPerSubject allows. It ends an older connection of the same ID, and c itself if the
// registry stops, and when Grant.ConnectionExpiresAt comes, if there is one. If there is
// an error c is removed again: it wraps [ticket.ErrBearerRevoked],
// [ticket.ErrTooManyConnections] or [ticket.ErrUnavailable].
//
// Call [Connection.Began] when the 101 is sent, or [Connection.Abandon] if it
// cannot be sent, and [Connection.Attach] when the connection can be closed.
func (r *Registry) Add(ctx context.Context, c *Connection) error {
	cookies := c.Grant.Identity.Cookies
	c.Grant.Identity.Cookies = ticket.Bearer{} // they are kept once for all connections of a session
	r.running.Add(1)
	c.mu.Lock()
	c.registry, c.start, c.state = r, r.o.Now(), StateOpen
	c.Grant.Issue = nil // which takes memory for as long as the connection lives
	c.Grant = shared(c.Grant)
	grant := c.Grant
	older, late := r.enter(c)
	r.deadlines.set(c, grant.ConnectionExpiresAt)
	c.mu.Unlock()
	if err := r.permitHere(ctx, c, grant); err != nil {
		r.remove(c)
		return err
	}
	r.keepSession(c, cookies)
	for _, other := range r.named(older, ticket.Selector{TicketID: grant.ID}) {
		// The same attempt is admitted again because its first answer was lost.
		// So nobody uses the older connection.
		other.End(ticket.EndReplaced)
	}
	if late {
		c.End(ticket.EndDraining)
	}
	return nil
}

// shared returns a grant in which the texts that many grants have take their memory
// once: each was decoded from a record or a bearer of its own.
func shared(g ticket.Grant) ticket.Grant {
	for _, text := range []*string{&g.Identity.Issuer, &g.Identity.ClientID, &g.Identity.Scope, &g.Audience, &g.Scope, &g.Origin, &g.Head.Epoch} {
		*text = unique.Make(*text).Value()
	}
	return g
}

func (r *Registry) remove(c *Connection) {
	defer r.running.Done()
	defer r.sessions.remove(c) // after it is in no index
	defer r.places.release(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	r.deadlines.forget(c)
	r.leave(c)
	c.state = stateGone
}

// emit completes an event about a connection and hands it on.
func (r *Registry) emit(ctx context.Context, c *Connection, e ticket.Event) {
	grant := r.grantOf(c)
	e.TicketID, e.Identity, e.Presentation, e.Request = grant.ID, grant.Identity, c.Presentation, c.Request.info()
	e.Reason = "ok"
	r.o.Events.Emit(ctx, e)
}

// Stats are counts of a [Registry].
type Stats struct {
	// Connections there are now, by the door that they came by and their state.
	Connections map[ticket.Door]map[State]int
	// Subjects and Sessions are how many different ones the connections have.
	Subjects, Sessions int
	// Deadlines is how many of the connections end by themselves.
	Deadlines int
	// Drained is zero until the registry stops.
	Drained Drained
}

// Stats returns the counts. The caller owns the maps.
func (r *Registry) Stats() Stats {
	s := Stats{Connections: make(map[ticket.Door]map[State]int), Deadlines: r.deadlines.len()}
	for i := range r.shards {
		r.shards[i].addTo(&s)
	}
	s.Drained.Cut = int(r.cuts.Load())
	return s
}

// addTo adds the counts of a shard.
func (s *shard) addTo(sum *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, n := range s.counts {
		if sum.Connections[p.door] == nil {
			sum.Connections[p.door] = make(map[State]int)
		}
		sum.Connections[p.door][p.state] += n
	}
	sum.Subjects += len(s.heads[bySubject])
	sum.Sessions += len(s.heads[bySession])
	sum.Drained.Total += s.drained.Total
	sum.Drained.Closed += s.drained.Closed
}
