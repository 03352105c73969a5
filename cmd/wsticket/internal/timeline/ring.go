package timeline

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"wsticket/api"
	"wsticket/ticket"
)

// ring keeps the last events. An event that takes the place of an older one allocates
// nothing.
type ring struct {
	max     int
	since   time.Time // that of the last event that was displaced
	entries []entry
	next    int // where the next entry goes, once there are as many as there may be
	tickets map[ticket.ID]chain
}

// chain is the entries of one ticket, from the newest to the oldest.
type chain struct {
	newest, length int
	leftOut        int
}

// entry is an event as it is kept.
type entry struct {
	id    ticket.ID
	older int // the entry of the same ticket before this one
	at    time.Time
	took  time.Duration

	kind                    ticket.EventKind
	action                  ticket.Action
	outcome, reason         string
	door                    ticket.Door
	clientIP                netip.Addr
	requestID, caller       string
	method, route, closedBy string
	status                  int
	closeCode               uint16
}

func newRing(now time.Time, most int) ring {
	return ring{max: most, since: now, tickets: make(map[ticket.ID]chain)}
}

func (r *ring) has(id ticket.ID) bool {
	_, ok := r.tickets[id]
	return ok
}

// add keeps an event, or counts it if it is one refusal too many of its ticket.
func (r *ring) add(e *ticket.Event, refused bool) {
	if of := r.tickets[e.TicketID]; refused && of.length >= maxOfTicket {
		of.leftOut++
		r.tickets[e.TicketID] = of
		return
	}
	place := r.place()
	of := r.tickets[e.TicketID] // after place, which may have shortened it
	r.entries[place] = newEntry(e)
	r.entries[place].older = of.newest
	of.newest = place
	of.length++
	r.tickets[e.TicketID] = of
}

// place returns where the next entry goes, and forgets the one that is there.
func (r *ring) place() int {
	if len(r.entries) < r.max {
		r.entries = append(r.entries, entry{})
		return len(r.entries) - 1
	}
	place := r.next
	r.next = (r.next + 1) % r.max
	oldest := &r.entries[place]
	r.since = oldest.at
	of := r.tickets[oldest.id]
	if of.length--; of.length == 0 {
		delete(r.tickets, oldest.id)
	} else {
		r.tickets[oldest.id] = of
	}
	return place
}

// find returns the entries of a ticket, the oldest first.
func (r *ring) find(id ticket.ID) []entry {
	of := r.tickets[id]
	found := make([]entry, 0, of.length)
	for place := of.newest; len(found) < of.length; place = r.entries[place].older {
		found = append(found, r.entries[place])
	}
	slices.Reverse(found)
	return found
}

func newEntry(e *ticket.Event) entry {
	ip := e.Presentation.ClientIP
	if !ip.IsValid() {
		ip = e.Request.ClientIP
	}
	return entry{
		id: e.TicketID, at: e.At.UTC(), took: e.Duration, kind: e.Kind, action: e.Action,
		outcome: e.Outcome, reason: e.Reason, door: e.Presentation.Door, clientIP: ip,
		requestID: e.Request.ID, caller: cmp.Or(e.Request.Caller, sourceOf(e)),
		method: e.HTTP.Method, route: e.HTTP.Route, status: e.HTTP.Status,
		closeCode: e.Closed.Code, closedBy: e.Closed.By,
	}
}

// sourceOf returns who has asked for a revocation, where no key has.
func sourceOf(e *ticket.Event) string {
	if e.Revocation == nil {
		return ""
	}
	return e.Revocation.Source
}

// shown returns the entry as the page gets it.
func (e *entry) shown() api.TimelineEvent {
	shown := api.TimelineEvent{
		At: e.at, Kind: e.kind, Action: e.action, Outcome: e.outcome, Reason: e.reason, Door: e.door,
		Seconds: e.took.Seconds(), RequestID: e.requestID, Caller: e.caller,
		Method: e.method, Route: e.route, Status: e.status, CloseCode: e.closeCode, ClosedBy: e.closedBy,
	}
	if e.clientIP.IsValid() {
		shown.ClientIP = e.clientIP.String()
	}
	return shown
}
