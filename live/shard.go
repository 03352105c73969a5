package live

import (
	"hash/maphash"
	"sync"

	"wsticket/ticket"
)

// shards is into how many parts the indexes are split, so that handshakes on many
// cores seldom wait for each other. It is a power of two.
const shards = 64

// kind is an index: by which selector connections are found.
type kind uint8

// The indexes. There is none of issuers: most services have one, and whoever revokes
// everybody goes through all connections anyway.
const (
	byTicket kind = iota
	bySubject
	bySession
	byToken
	kinds
)

// narrow returns the index that finds what a selector names, and the key for it. Of a
// selector that has several it is the one that fewest connections have. ok is false
// for a selector of an issuer alone.
func narrow(s ticket.Selector) (k kind, key ticket.Selector, ok bool) {
	switch {
	case s.TicketID != "":
		return byTicket, ticket.Selector{TicketID: s.TicketID}, true
	case s.TokenID != "":
		return byToken, ticket.Selector{Issuer: s.Issuer, TokenID: s.TokenID}, true
	case s.SessionID != "":
		return bySession, ticket.Selector{Issuer: s.Issuer, SessionID: s.SessionID}, true
	case s.Subject != "":
		return bySubject, ticket.Selector{Issuer: s.Issuer, Subject: s.Subject}, true
	default:
		return 0, s, false
	}
}

// link is the place of a connection in the list of those that have the same key. The
// lists go through the connections themselves, so that an index costs no more than a
// place in a map. It is guarded by the shard of the key.
type link struct{ next, prev *Connection }

// place is what connections are counted by.
type place struct {
	door  ticket.Door
	state State
}

// shard is a part of the indexes. The keys are digests of selectors: two selectors can
// have the same one, so whoever gets a list looks at the grants in it.
type shard struct {
	mu    sync.Mutex
	heads [kinds]map[uint64]*Connection

	// Of the connections whose ID is in this shard:
	counts  map[place]int
	stopped bool // no later than the registry
	drained Drained
}

func (s *shard) init() {
	for k := range s.heads {
		s.heads[k] = make(map[uint64]*Connection)
	}
	s.counts = make(map[place]int)
}

// listLocked lists the connections that have a key, the newest first.
func (s *shard) listLocked(k kind, key uint64) []*Connection {
	var list []*Connection
	for c := s.heads[k][key]; c != nil; c = c.links[k].next {
		list = append(list, c)
	}
	return list
}

func (s *shard) putLocked(k kind, key uint64, c *Connection) {
	head := s.heads[k][key]
	if head != nil {
		head.links[k].prev = c
	}
	c.links[k] = link{next: head}
	s.heads[k][key] = c
}

func (s *shard) takeLocked(k kind, key uint64, c *Connection) {
	l := c.links[k]
	switch {
	case l.prev != nil:
		l.prev.links[k].next = l.next
	case l.next != nil:
		s.heads[k][key] = l.next
	default:
		delete(s.heads[k], key)
	}
	if l.next != nil {
		l.next.links[k].prev = l.prev
	}
	c.links[k] = link{}
}

// digest returns the key of a selector, which is never 0.
func (r *Registry) digest(s ticket.Selector) uint64 { return max(1, maphash.Comparable(r.seed, s)) }

// keysOf returns the keys of a grant, 0 where it is not in an index. It is always in
// that of tickets, through which all connections are found.
func (r *Registry) keysOf(g ticket.Grant) (keys [kinds]uint64) {
	keys[byTicket] = r.digest(ticket.Selector{TicketID: g.ID})
	for _, s := range ticket.SelectorsOf(g) {
		if k, _, ok := narrow(s); ok {
			keys[k] = r.digest(s)
		}
	}
	return keys
}

func (r *Registry) shard(key uint64) *shard { return &r.shards[key%shards] }

// enter puts a connection into the indexes. Before it are the older connections that
// may have its ID; late reports whether the registry stops. The caller holds c.mu, so
// that whoever finds it there waits until it is everywhere.
func (r *Registry) enter(c *Connection) (older []*Connection, late bool) {
	keys := r.keysOf(c.Grant)
	home := r.shard(keys[byTicket])
	home.mu.Lock()
	older = home.listLocked(byTicket, keys[byTicket])
	home.putLocked(byTicket, keys[byTicket], c)
	home.counts[place{c.Presentation.Door, c.state}]++
	if late = home.stopped; late {
		home.drained.Total++
	}
	home.mu.Unlock()
	for k := byTicket + 1; k < kinds; k++ {
		r.index(k, 0, keys[k], c)
	}
	return older, late
}

// leave removes a connection from the indexes. The caller holds c.mu.
func (r *Registry) leave(c *Connection) {
	keys := r.keysOf(c.Grant)
	for k := byTicket + 1; k < kinds; k++ {
		r.index(k, keys[k], 0, c)
	}
	home := r.shard(keys[byTicket])
	home.mu.Lock()
	defer home.mu.Unlock()
	home.takeLocked(byTicket, keys[byTicket], c)
	home.counts[place{c.Presentation.Door, c.state}]--
	if home.stopped {
		home.drained.Closed++
	}
}

// index moves a connection from one key of an index to another; 0 is none. The caller
// holds c.mu.
func (r *Registry) index(k kind, from, to uint64, c *Connection) {
	if from == to {
		return
	}
	if from != 0 {
		s := r.shard(from)
		s.mu.Lock()
		s.takeLocked(k, from, c)
		s.mu.Unlock()
	}
	if to != 0 {
		s := r.shard(to)
		s.mu.Lock()
		s.putLocked(k, to, c)
		s.mu.Unlock()
	}
}

// changeState counts a connection under another state. The caller holds c.mu.
func (r *Registry) changeState(c *Connection, to State) {
	home := r.shard(r.digest(ticket.Selector{TicketID: c.Grant.ID}))
	home.mu.Lock()
	defer home.mu.Unlock()
	home.counts[place{c.Presentation.Door, c.state}]--
	c.state = to
	home.counts[place{c.Presentation.Door, c.state}]++
}
