package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"wsticket/ticket"
)

// Leases count the connections of each subject in all processes that share a store.
// A place is held for a while and kept by [Registry.KeepPlaces], so that those of a
// process that dies are free again.
type Leases interface {
	// Take takes a place under a key for the connection with an ID, and returns its
	// name. If limit places are taken by others, the name is empty; with displace the
	// oldest make room, and their IDs are returned. A place of the same ID is given up
	// in any case. The error wraps [ticket.ErrUnavailable].
	Take(ctx context.Context, key, id string, limit int, displace bool) (place string, displaced []string, err error)
	// Keep holds places for longer, also those that the store has lost. places[i] is
	// under keys[i].
	Keep(ctx context.Context, keys, places []string) error
	// Release gives places up.
	Release(ctx context.Context, keys, places []string) error
}

const (
	// keepEvery is how often places are kept: three times in a lease of the store.
	keepEvery = 10 * time.Second
	// perKeep is how many places are kept or given up in one command.
	perKeep = 500
	// leaseTimeout bounds one command, and the last ones of a process that stops.
	leaseTimeout = 2 * time.Second
	// maxReleases bounds the places that wait to be given up. Others lapse.
	maxReleases = 100_000
	// purposeSubject begins the tag of a subject.
	purposeSubject = "subject"
	// maxPerSubject bounds Options.MaxPerSubject, because a store looks at all of them.
	maxPerSubject = 10_000
	// displacedLife is how long a displaced connection stays revoked: until every
	// process has read so. Its ticket is spent, so it cannot come back.
	displacedLife = 5 * time.Minute
)

// places are those that the connections of this process hold.
type places struct {
	leases   Leases
	wake     chan struct{} // there are places to release
	moved    chan struct{} // there are places with other keys
	mu       sync.Mutex
	held     map[*Connection]heldPlace
	released []heldPlace

	refused, displaced, failed uint64
}

// heldPlace is a place, and the key that it is under.
type heldPlace struct{ key, name string }

func newPlaces(leases Leases) *places {
	if leases == nil {
		leases = newOwnLeases()
	}
	return &places{leases: leases, wake: make(chan struct{}, 1), moved: make(chan struct{}, 1), held: make(map[*Connection]heldPlace)}
}

func (p *places) hold(c *Connection, place heldPlace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[c] = place
}

// holders lists the connections that hold a place.
func (p *places) holders() []*Connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.held))
}

// move puts the place of a connection under another key, if it still has one. The place
// under the key before is released after the one under the new key is kept.
func (p *places) move(c *Connection, key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	place, ok := p.held[c]
	if !ok || place.key == key {
		return
	}
	p.held[c] = heldPlace{key, place.name}
	if len(p.released) < maxReleases {
		p.released = append(p.released, place)
	}
	select {
	case p.moved <- struct{}{}:
	default: // it is known
	}
}

// release gives up the place of a connection, if it has one. It does not block.
func (p *places) release(c *Connection) {
	p.mu.Lock()
	place, ok := p.held[c]
	delete(p.held, c)
	own, isOwn := p.leases.(*ownLeases)
	if ok && !isOwn && len(p.released) < maxReleases {
		p.released = append(p.released, place)
	}
	p.mu.Unlock()
	switch {
	case !ok:
	case isOwn:
		own.release(place)
	default:
		select {
		case p.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// takePlace takes a place for a connection that is entered, if the connections of a
// subject are counted.
func (r *Registry) takePlace(ctx context.Context, c *Connection, grant ticket.Grant) error {
	if r.o.MaxPerSubject == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	key := r.placeKey(grant)
	name, displaced, err := r.places.leases.Take(limited, key, string(grant.ID), r.o.MaxPerSubject, r.o.ReplaceOldest)
	switch {
	case err != nil:
		r.places.count(&r.places.failed, 1)
		return fmt.Errorf("count the connections of a subject: %w", err)
	case name == "":
		r.places.count(&r.places.refused, 1)
		return ticket.WithAttrs(ticket.ErrTooManyConnections, slog.String("limit", "ws.max_connections_per_subject"),
			ticket.Expected(fmt.Sprintf("at most %d connections of a subject", r.o.MaxPerSubject)))
	}
	r.places.hold(c, heldPlace{key, name})
	return r.displace(ctx, displaced)
}

// placeKey names the subject of a grant among the places: without telling the name to a
// store, and by the name itself in this process, where seal keys may change.
func (r *Registry) placeKey(grant ticket.Grant) string {
	who := grant.Identity
	if r.o.Leases == nil {
		return who.Issuer + "\n" + who.Subject
	}
	return r.seal().Tag(purposeSubject, who.Issuer, who.Subject)
}

// permitHere takes a place for a connection and looks at the revocations then, because one
// of them may be that a newer connection has displaced it.
func (r *Registry) permitHere(ctx context.Context, c *Connection, grant ticket.Grant) error {
	if err := r.takePlace(ctx, c, grant); err != nil {
		return err
	}
	err := r.Check(ctx, grant)
	if isDisplaced(err) {
		return ticket.WithAttrs(ticket.ErrTooManyConnections, ticket.AttrsOf(err)...)
	}
	return err
}

// displace ends connections that made room, wherever they are.
func (r *Registry) displace(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	r.places.count(&r.places.displaced, len(ids))
	all := make([]ticket.Revocation, len(ids))
	for i, id := range ids {
		all[i] = ticket.Revocation{
			Selector: ticket.Selector{TicketID: ticket.ID(id)}, Action: ticket.RevokeReplace, Source: "cap",
			Reason: "too many connections of the subject", ExpiresAt: r.o.Now().Add(displacedLife),
		}
	}
	if err := r.Revoke(ctx, all...); err != nil {
		return fmt.Errorf("displace a connection: %w", err)
	}
	return nil
}

func (p *places) count(n *uint64, more int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*n += uint64(more) //nolint:gosec // a length
}

// isDisplaced reports whether an error of [Registry.Check] is about a connection that
// has made room for a newer one.
func isDisplaced(err error) bool {
	return errors.Is(err, ticket.ErrBearerRevoked) && endingOf(err) == ticket.EndDisplaced
}

// KeepPlaces keeps the places that connections hold in Options.Leases, and gives up
// those of closed ones, until ctx ends. Without Leases it returns at once.
func (r *Registry) KeepPlaces(ctx context.Context) {
	if r.o.MaxPerSubject == 0 || r.o.Leases == nil {
		return
	}
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
			defer cancel()
			r.places.releaseAll(last)
			return
		case <-r.places.moved:
			r.places.keepAll(ctx)
			r.places.releaseAll(ctx)
		case <-r.places.wake:
			r.places.releaseAll(ctx)
		case <-ticker.C:
			r.places.keepAll(ctx)
		}
	}
}

func (p *places) keepAll(ctx context.Context) {
	p.mu.Lock()
	all := make([]heldPlace, 0, len(p.held))
	for _, place := range p.held {
		all = append(all, place)
	}
	p.mu.Unlock()
	p.inBatches(ctx, all, p.leases.Keep)
}

// releaseAll gives up what connections have released. What cannot be given up lapses.
func (p *places) releaseAll(ctx context.Context) {
	p.mu.Lock()
	all := p.released
	p.released = nil
	p.mu.Unlock()
	p.inBatches(ctx, all, p.leases.Release)
}

// inBatches stops at the first failure: the store is away, and the next beat tries
// again.
func (p *places) inBatches(ctx context.Context, all []heldPlace, do func(ctx context.Context, keys, places []string) error) {
	for part := range slices.Chunk(all, perKeep) {
		keys, names := make([]string, len(part)), make([]string, len(part))
		for i, place := range part {
			keys[i], names[i] = place.key, place.name
		}
		limited, cancel := context.WithTimeout(ctx, leaseTimeout)
		err := do(limited, keys, names)
		cancel()
		if err != nil {
			p.count(&p.failed, 1)
			return
		}
	}
}

// PlaceStats are counts of a [Registry] with Options.MaxPerSubject.
type PlaceStats struct {
	// Held are the places of this process now.
	Held int
	// Refused and Displaced are connections that were one too many: those that were
	// not let in, and those that made room for a newer one.
	Refused, Displaced uint64
	// Failed are the commands that Options.Leases did not do.
	Failed uint64
}

// PlaceStats returns the counts.
func (r *Registry) PlaceStats() PlaceStats {
	r.places.mu.Lock()
	defer r.places.mu.Unlock()
	return PlaceStats{len(r.places.held), r.places.refused, r.places.displaced, r.places.failed}
}
