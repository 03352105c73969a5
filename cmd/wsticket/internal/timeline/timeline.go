// Package timeline keeps what this process saw of tickets, so that the page of the
// operators can show the timeline of one ticket. It keeps it in memory, with a bound.
package timeline

import (
	"context"
	"slices"
	"sync"
	"time"

	"wsticket/api"
	"wsticket/ticket"
)

// How much is kept. An event takes about 380 bytes with its texts and its share of the
// indexes, so that all of them take 6 MiB, once as many have happened.
const (
	// maxKnown is how many events are kept of tickets that this process has issued,
	// redeemed or connected. A ticket has five of them as a rule.
	maxKnown = 16 << 10
	// maxUnknown is the same for IDs of which only refusals were seen. It is apart, so
	// that somebody who invents tickets does not displace the others.
	maxUnknown = 1 << 10
	// maxOfTicket is how many events of one ticket there are before its refusals are only
	// counted, so that replays of one ticket do not displace the others either.
	maxOfTicket = 32
)

// opsTicketRoute is that of the page itself, which says nothing about a ticket.
const opsTicketRoute = "/ops/tickets/{id}"

// Log keeps events by their tickets. It is safe for concurrent use.
type Log struct {
	started time.Time
	mu      sync.Mutex // held for less than a microsecond
	known   ring
	unknown ring
}

// New returns a Log that begins now.
func New(now time.Time) *Log { return newLog(now, maxKnown, maxUnknown) }

func newLog(now time.Time, known, unknown int) *Log {
	now = now.UTC()
	return &Log{started: now, known: newRing(now, known), unknown: newRing(now, unknown)}
}

// Record keeps an event of a ticket or of a connection, and no other.
func (l *Log) Record(e *ticket.Event) {
	if e.TicketID == "" || e.HTTP.Route == opsTicketRoute || e.Kind == ticket.EventRecheck && e.Outcome == "kept" {
		return
	}
	refused := isRefusal(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	if refused && !l.known.has(e.TicketID) {
		l.unknown.add(e, refused)
		return
	}
	l.known.add(e, refused)
}

// isRefusal reports whether an event is one that a stranger can cause, by presenting
// something.
func isRefusal(e *ticket.Event) bool {
	switch e.Kind {
	case ticket.EventIssue, ticket.EventRedeem, ticket.EventConnect, ticket.EventRenew, ticket.EventDisconnect, ticket.EventRevoke:
		return false
	case ticket.EventRequest:
		return e.Reason != "ok"
	default:
		return true
	}
}

// Timeline implements [api.Timelines].
func (l *Log) Timeline(_ context.Context, id ticket.ID) api.Timeline {
	t := api.Timeline{Source: api.TimelineOfProcess, Started: l.started, Events: []api.TimelineEvent{}}
	l.mu.Lock()
	t.Since, t.LeftOut = l.known.since, l.known.tickets[id].leftOut+l.unknown.tickets[id].leftOut
	if l.unknown.since.After(t.Since) && !l.known.has(id) {
		t.Since = l.unknown.since
	}
	kept := append(l.known.find(id), l.unknown.find(id)...)
	l.mu.Unlock()
	for n := range kept {
		t.Events = append(t.Events, kept[n].shown())
	}
	slices.SortStableFunc(t.Events, func(a, b api.TimelineEvent) int { return a.At.Compare(b.At) })
	return t
}
