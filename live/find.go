package live

import (
	"errors"
	"fmt"
	"slices"

	"wsticket/ticket"
)

// all lists the connections that there are.
func (r *Registry) all() []*Connection {
	var list []*Connection
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for key := range s.heads[byTicket] {
			list = append(list, s.listLocked(byTicket, key)...)
		}
		s.mu.Unlock()
	}
	return list
}

// matching lists the connections that a selector names, in a time that depends on
// their number alone; for an issuer it goes through all. Whether a revocation also
// voids them is for [ticket.Revocation.Matches] to say, with what [Registry.grantOf]
// returns: the caller holds no lock.
func (r *Registry) matching(s ticket.Selector) []*Connection {
	k, key, ok := narrow(s)
	if !ok {
		return r.named(r.all(), s)
	}
	digest := r.digest(key)
	shard := r.shard(digest)
	shard.mu.Lock()
	list := shard.listLocked(k, digest)
	shard.mu.Unlock()
	return r.named(list, s)
}

// Holds reports whether this process has a connection that a selector names.
func (r *Registry) Holds(s ticket.Selector) bool { return len(r.matching(s)) > 0 }

// named keeps those of a list that a selector names.
func (r *Registry) named(list []*Connection, s ticket.Selector) []*Connection {
	return slices.DeleteFunc(list, func(c *Connection) bool { return !s.Names(r.grantOf(c)) })
}

// grantOf returns the grant that a connection has now. A renewal replaces it, so
// nobody reads the field.
func (r *Registry) grantOf(c *Connection) ticket.Grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Grant
}

// replaceGrant replaces the grant of the open connection with an ID by what f makes of
// it, in one step: its deadline, and where a revocation finds it. The ID stays. f must
// not use the registry.
//
// The error wraps [ticket.ErrNotFound] if there is no such connection, it is being
// closed or its time is over; then c is nil. Otherwise it is that of f, or
// [ticket.ErrInvalidBearer] for a grant without an end, and nothing was changed.
func (r *Registry) replaceGrant(id ticket.ID, f func(had ticket.Grant) (ticket.Grant, error)) (c *Connection, grant ticket.Grant, err error) {
	for _, c := range r.matching(ticket.Selector{TicketID: id}) {
		if grant, err := r.replace(c, f); !errors.Is(err, errNotOpen) {
			return c, grant, err
		}
	}
	return nil, ticket.Grant{}, errNotOpen
}

// errNotOpen is for connections that are not there any more, or hardly.
var errNotOpen = fmt.Errorf("connection is not open: %w", ticket.ErrNotFound)

func (r *Registry) replace(c *Connection, f func(had ticket.Grant) (ticket.Grant, error)) (ticket.Grant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != StateOpen || r.deadlines.over(c) {
		return ticket.Grant{}, errNotOpen
	}
	had := c.Grant
	grant, err := f(had)
	if err != nil {
		return ticket.Grant{}, err
	}
	if grant.ConnectionExpiresAt.IsZero() {
		return ticket.Grant{}, fmt.Errorf("replace a grant by one without an end: %w", ticket.ErrInvalidBearer)
	}
	grant.ID = had.ID
	grant = shared(grant)
	from, to := r.keysOf(had), r.keysOf(grant)
	for k := byTicket + 1; k < kinds; k++ {
		r.index(k, from[k], to[k], c)
	}
	c.Grant = grant
	r.deadlines.set(c, grant.ConnectionExpiresAt)
	return grant, nil
}
