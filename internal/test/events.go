package test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"wsticket/ticket"
)

// Events records what happens. Its method Record is a [ticket.Sink]; the zero
// value is ready to use, and safe for concurrent use.
type Events struct {
	mu   sync.Mutex
	list []ticket.Event
}

// Record keeps an event.
func (e *Events) Record(_ context.Context, event ticket.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// All returns what was recorded so far.
func (e *Events) All() []ticket.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// Find returns the first event that matches, and reports whether there is one.
func (e *Events) Find(match func(ticket.Event) bool) (ticket.Event, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.list, match)
	if i < 0 {
		return ticket.Event{}, false
	}
	return e.list[i], true
}

// Await returns the first event that matches, for which it waits as [Wait]
// does: it may come when the client has its answer already.
func (e *Events) Await(tb testing.TB, what string, match func(ticket.Event) bool) (found ticket.Event) {
	tb.Helper()
	Wait(tb, what, func() (ok bool) {
		found, ok = e.Find(match)
		return ok
	})
	return found
}

// AwaitLike awaits an event that is [Like] want.
func (e *Events) AwaitLike(tb testing.TB, want ticket.Event) ticket.Event {
	tb.Helper()
	defer func() {
		if tb.Failed() {
			tb.Logf("the last events:\n%+v", e.Last(5))
		}
	}()
	return e.Await(tb, fmt.Sprintf("an event like %+v", want), Like(want))
}

// Has reports whether there is an event that is [Like] want.
func (e *Events) Has(want ticket.Event) bool {
	_, ok := e.Find(Like(want))
	return ok
}

// Count returns how many events of a kind there are.
func (e *Events) Count(kind ticket.EventKind) (n int) {
	for _, event := range e.All() {
		if event.Kind == kind {
			n++
		}
	}
	return n
}

// Last returns the last n events, or all if there are fewer.
func (e *Events) Last(n int) []ticket.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list[max(0, len(e.list)-n):])
}

// Kind matches events of a kind.
func Kind(kind ticket.EventKind) func(ticket.Event) bool { return Like(ticket.Event{Kind: kind}) }

// Like matches events that are like want in each of these fields, where want
// has it: Kind, Action, TicketID, Outcome, Reason, Retried, AfterUpgrade,
// Presentation.Door, Closed.Code, Closed.By, HTTP.Status and Request.ID.
func Like(want ticket.Event) func(ticket.Event) bool {
	return func(e ticket.Event) bool {
		return like(e.Kind, want.Kind) && like(e.Action, want.Action) && like(e.TicketID, want.TicketID) &&
			like(e.Outcome, want.Outcome) && like(e.Reason, want.Reason) && like(e.Retried, want.Retried) &&
			like(e.AfterUpgrade, want.AfterUpgrade) && like(e.Presentation.Door, want.Presentation.Door) &&
			like(e.Closed.Code, want.Closed.Code) && like(e.Closed.By, want.Closed.By) &&
			like(e.HTTP.Status, want.HTTP.Status) && like(e.Request.ID, want.Request.ID)
	}
}

func like[T comparable](got, want T) bool {
	var none T
	return want == none || got == want
}
