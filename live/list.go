package live

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wsticket/ticket"
)

// Sizes of a page of [Registry.List].
const (
	DefaultPage = 100
	MaxPage     = 500
)

// lookTimeout bounds the wait for the answers of other processes about connections.
const lookTimeout = 2 * time.Second

// The kinds of questions about connections.
const (
	askList = "list"
	askHas  = "has"
)

// Query chooses connections. What is empty is not compared.
type Query struct {
	Issuer    string `json:"iss,omitempty"`
	Subject   string `json:"sub,omitempty"`
	SessionID string `json:"sid,omitempty"`
	// Limit is how many a page has at most, up to [MaxPage]. Default: [DefaultPage].
	Limit int `json:"limit,omitempty"`
	// After is [Listing].Next of the page before; empty for the first one.
	After ticket.ID `json:"after,omitempty"`
}

// Summary is what an operator may read about a connection.
type Summary struct {
	ID        ticket.ID   `json:"connection_id"`
	Node      string      `json:"node,omitempty"`
	Issuer    string      `json:"iss"`
	Subject   string      `json:"sub"`
	SessionID string      `json:"sid,omitempty"`
	Audience  string      `json:"aud"`
	Door      ticket.Door `json:"door"`
	ClientIP  string      `json:"client_ip,omitempty"`
	Since     time.Time   `json:"since"`
	ExpiresAt time.Time   `json:"connection_expires_at"`
}

// Node is how many connections of a process match a [Query], whatever the page.
type Node struct {
	Name        string `json:"name,omitempty"`
	Connections int    `json:"connections"`
}

// Listing is a page of connections of all processes, in the order of their IDs. That
// order does not change, so that whoever reads all pages gets each connection once that
// is open all the time.
type Listing struct {
	Connections []Summary
	// Next is for Query.After of the next page, empty if this is the last one.
	Next ticket.ID
	// Nodes are the processes that answered.
	Nodes []Node
	// Missing are the names of processes that live and did not answer in time. Their
	// connections are missing, too.
	Missing []string
}

// List returns connections of all processes. It takes two seconds at most. The error
// wraps [ticket.ErrUnavailable] if the others cannot be asked.
func (r *Registry) List(ctx context.Context, q Query) (Listing, error) {
	q.Limit = q.limit()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	got, err := r.ask(ctx, askList, q)
	if err != nil {
		return Listing{}, fmt.Errorf("list: %w", err)
	}
	return merge(q, got), nil
}

// limit returns the size of a page, within its bounds.
func (q Query) limit() int { return min(max(cmp.Or(q.Limit, DefaultPage), 1), MaxPage) }

// page is what one process answers to askList. One connection more than the limit says
// that there is another page.
type page struct {
	Count       int       `json:"count"`
	Connections []Summary `json:"connections"`
}

// merge puts the answers of processes together.
func merge(q Query, got answers) Listing {
	all := Listing{Missing: slices.Sorted(slices.Values(got.Missing))}
	for _, name := range slices.Sorted(maps.Keys(got.By)) {
		var p *page
		if json.Unmarshal(got.By[name], &p) != nil || p == nil {
			all.Missing = append(all.Missing, name) // a process of another version
			continue
		}
		all.Nodes = append(all.Nodes, Node{name, p.Count})
		for _, c := range p.Connections {
			c.Node = name
			all.Connections = append(all.Connections, c)
		}
	}
	slices.SortFunc(all.Connections, func(a, b Summary) int { return strings.Compare(string(a.ID), string(b.ID)) })
	// A retried attempt may have two for a moment, one in each of two processes.
	all.Connections = slices.CompactFunc(all.Connections, func(a, b Summary) bool { return a.ID == b.ID })
	if len(all.Connections) > q.Limit {
		all.Connections = all.Connections[:q.Limit]
		all.Next = all.Connections[q.Limit-1].ID
	}
	return all
}

// named is a connection of this process with its ID.
type named struct {
	id ticket.ID
	c  *Connection
}

// answerList answers askList.
func (r *Registry) answerList(_ context.Context, data json.RawMessage) any {
	var q Query
	if json.Unmarshal(data, &q) != nil {
		return nil
	}
	all := r.chosen(q)
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(string(a.id), string(b.id)) })
	from, found := slices.BinarySearchFunc(all, q.After, func(n named, after ticket.ID) int { return strings.Compare(string(n.id), string(after)) })
	for found && from < len(all) && all[from].id == q.After {
		from++
	}
	p := page{Count: len(all), Connections: []Summary{}}
	for _, n := range all[from:min(from+q.limit()+1, len(all))] {
		p.Connections = append(p.Connections, r.summary(n.c))
	}
	return p
}

// chosen lists the connections of this process that match a query.
func (r *Registry) chosen(q Query) []named {
	var all []named
	for _, c := range r.candidates(q) {
		g := r.grantOf(c)
		if who := g.Identity; (q.Issuer == "" || q.Issuer == who.Issuer) && (q.Subject == "" || q.Subject == who.Subject) &&
			(q.SessionID == "" || q.SessionID == who.SessionID) {
			all = append(all, named{g.ID, c})
		}
	}
	return all
}

// candidates lists connections among which are those that match. Where an index knows
// them there are no others.
func (r *Registry) candidates(q Query) []*Connection {
	switch {
	case q.Issuer != "" && q.SessionID != "":
		return r.matching(ticket.Selector{Issuer: q.Issuer, SessionID: q.SessionID})
	case q.Issuer != "" && q.Subject != "":
		return r.matching(ticket.Selector{Issuer: q.Issuer, Subject: q.Subject})
	default:
		return r.all()
	}
}

func (r *Registry) summary(c *Connection) Summary {
	g := r.grantOf(c)
	s := Summary{
		ID: g.ID, Issuer: g.Identity.Issuer, Subject: g.Identity.Subject, SessionID: g.Identity.SessionID,
		Audience: g.Audience, Door: c.Presentation.Door, Since: c.start, ExpiresAt: g.ConnectionExpiresAt,
	}
	if ip := c.Presentation.ClientIP; ip.IsValid() {
		s.ClientIP = ip.String()
	}
	return s
}

// Disconnect ends the connection of an ID, wherever it is, with [ticket.EndRevoked]. It
// returns when every process will learn of it. The error wraps [ticket.ErrNotFound] if
// no process has such a connection, and [ticket.ErrUnavailable] if that is not known,
// because some did not answer within two seconds.
func (r *Registry) Disconnect(ctx context.Context, id ticket.ID) error {
	asking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	got, err := r.ask(asking, askHas, id)
	if err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	switch {
	case has(got):
	case len(got.Missing) > 0:
		return fmt.Errorf("disconnect: %d processes did not answer: %w", len(got.Missing), ticket.ErrUnavailable)
	default:
		return fmt.Errorf("disconnect: %w", ticket.ErrNotFound)
	}
	err = r.Revoke(ctx, ticket.Revocation{
		Selector: ticket.Selector{TicketID: id}, Action: ticket.RevokeEnd, Source: "api", Reason: "connection was cut by an operator",
	})
	if err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	return nil
}

// has reports whether a process has answered yes.
func has(got answers) bool {
	for _, answer := range got.By {
		if string(answer) == "true" {
			return true
		}
	}
	return false
}

// answerHas answers askHas.
func (r *Registry) answerHas(_ context.Context, data json.RawMessage) any {
	var id ticket.ID
	if json.Unmarshal(data, &id) != nil {
		return nil
	}
	return len(r.matching(ticket.Selector{TicketID: id})) > 0
}
