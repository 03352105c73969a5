//go:build e2e

package e2e_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"wsticket/ticket"
)

// kind is a method of a store.
type kind string

const (
	create  kind = "create"
	consume kind = "consume"
	revoke  kind = "revoke" // consume with the mark of a revocation
	lookup  kind = "lookup"
)

// The outcomes are the words of [ticket.Reason], and one more.
const (
	outcomeOK       = "ok"
	outcomeExists   = "exists"
	outcomeNotFound = "not_found"
	outcomeExpired  = "expired" // also of a lookup that finds such a ticket
	outcomeSpent    = "spent"
	outcomeRevoked  = "revoked"
	outcomeUnknown  = "unavailable"
	// outcomeMixedUp: the record is that of another ticket.
	outcomeMixedUp = "mixed_up"
)

// operation is one call of a store, as its worker records it.
type operation struct {
	Client int
	Ticket int
	Kind   kind
	// Mark is the argument of consume and revoke. The times of marks are in Unix
	// milliseconds.
	Mark mark
	// Call and Return are the times of the call, in Unix nanoseconds.
	Call, Return int64
	Outcome      string
	// Seen is the mark in the result, or in the error.
	Seen mark
}

type mark struct {
	State   ticket.State
	At      int64
	Attempt string
}

func (o operation) String() string {
	end := "never"
	if o.Return != forever {
		end = fmt.Sprintf("%8.3f ms", float64(o.Return-o.Call)/1e6)
	}
	return fmt.Sprintf("client %2d %-7s %v -> %s %v, called at %d, took %s", o.Client, o.Kind, o.Mark, o.Outcome, o.Seen, o.Call, end)
}

// forever is the time at which a call with unknown outcome returns: it may take effect
// at any time after its call. If that is after all other calls, it has no effect.
const forever = math.MaxInt64

// standing is the state of a ticket in the model: absent, pending, or spent by a mark. A
// pending ticket expires by the clock of the store, which the model does not know, some
// time between earliest and latest. After that it is kept for longer than a history
// takes.
type standing struct {
	mark             mark // its State is empty while the ticket is absent
	earliest, latest int64
}

func (s standing) pending() bool { return s.mark.State == ticket.Pending }

func (s standing) absent() bool { return s.mark.State == "" }

// mayBeExpired and mayBeLive report what a call may find. Both can be true around the
// time at which the ticket expires.
func (s standing) mayBeExpired(o operation) bool { return s.pending() && o.Return >= s.earliest }

func (s standing) mayBeLive(o operation) bool { return s.pending() && o.Call <= s.latest }

// rules are the parameters of a history.
type rules struct {
	// Short is the lifetime of the few tickets that expire during the history,
	// Long that of all others.
	Short, Long time.Duration
	// Retry is the retry window.
	Retry time.Duration
}

// clockSlack is how much the clock of Redis may be late: Redis reads it only once in a
// while.
const clockSlack = 20 * time.Millisecond

// lifetime returns the lifetime of a ticket by its number.
func (r rules) lifetime(number int) time.Duration {
	if number%8 == 7 {
		return r.Short
	}
	return r.Long
}

// retried reports whether a call is a retry within the retry window, by the contract
// of the store.
func (r rules) retried(o operation, by mark) bool {
	later := time.Duration(o.Mark.At-by.At) * time.Millisecond
	return o.Kind == consume && by.State == ticket.Redeemed && o.Mark.Attempt == by.Attempt &&
		r.Retry > 0 && -time.Second <= later && later <= r.Retry
}

// step reports whether a call can have its outcome for a ticket in state s, and returns
// the state after it.
func (r rules) step(s standing, o operation) (bool, standing) {
	switch o.Outcome {
	case outcomeUnknown:
		return true, r.effect(s, o)
	case outcomeOK:
		return r.allowed(s, o), r.effect(s, o)
	case outcomeExists:
		return o.Kind == create && !s.absent(), s
	case outcomeNotFound:
		return o.Kind != create && s.absent(), s
	case outcomeExpired:
		return o.Kind != create && s.mayBeExpired(o), standing{mark: s.mark, earliest: s.earliest, latest: min(s.latest, o.Return)}
	case outcomeSpent:
		return o.Seen == s.mark && s.mark.State == ticket.Redeemed && !r.retried(o, s.mark), s
	case outcomeRevoked:
		return o.Seen == s.mark && s.mark.State == ticket.Revoked, s
	default:
		return false, s
	}
}

// allowed reports whether o may succeed as it did for a ticket in state s.
func (r rules) allowed(s standing, o operation) bool {
	live := o.Seen == mark{State: ticket.Pending} && s.mayBeLive(o)
	switch o.Kind {
	case create:
		return s.absent()
	case consume, revoke:
		return live || o.Seen == s.mark && r.retried(o, s.mark)
	default:
		return live || o.Seen == s.mark && !s.absent() && !s.pending()
	}
}

// effect returns the state after a call that has taken effect.
func (r rules) effect(s standing, o operation) standing {
	switch {
	case o.Kind == create && s.absent():
		life := r.lifetime(o.Ticket)
		born := standing{
			mark:     mark{State: ticket.Pending},
			earliest: o.Call + int64(life-clockSlack), latest: forever,
		}
		if o.Return != forever {
			born.latest = o.Return + int64(life+clockSlack)
		}
		return born
	case (o.Kind == consume || o.Kind == revoke) && s.mayBeLive(o):
		return standing{mark: o.Mark}
	default:
		return s
	}
}

// model returns the porcupine model for the history of one ticket.
func (r rules) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return standing{} },
		Step: func(state, input, _ any) (bool, any) {
			return r.step(state.(standing), input.(operation)) //nolint:errcheck // nothing else was put in
		},
	}
}

// verdict is the result of the checker.
type verdict struct {
	// wrong has the calls of tickets whose answers no order of the calls explains.
	wrong [][]operation
	// undecided is the number of tickets for which the time was too short.
	undecided int
	took      time.Duration
}

func (v verdict) legal() bool { return len(v.wrong) == 0 && v.undecided == 0 }

// check searches for an order of the calls of each ticket that explains all answers.
// Tickets are independent of each other.
func (r rules) check(history []operation, atMost time.Duration) verdict {
	var v verdict
	start := time.Now()
	for _, calls := range byTicket(history) {
		entries := make([]porcupine.Operation, len(calls))
		for i, o := range calls {
			entries[i] = porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: o.Return}
		}
		switch porcupine.CheckOperationsTimeout(r.model(), entries, max(time.Nanosecond, atMost-time.Since(start))) {
		case porcupine.Ok:
		case porcupine.Illegal:
			v.wrong = append(v.wrong, calls)
		case porcupine.Unknown:
			v.undecided++
		}
	}
	v.took = time.Since(start)
	return v
}

// byTicket splits a history by ticket, in the order of the calls.
func byTicket(history []operation) map[int][]operation {
	parts := make(map[int][]operation)
	for _, o := range history {
		if o.Outcome == outcomeUnknown {
			o.Return = forever
		}
		parts[o.Ticket] = append(parts[o.Ticket], o)
	}
	for _, calls := range parts {
		slices.SortFunc(calls, func(a, b operation) int { return cmp.Compare(a.Call, b.Call) })
	}
	return parts
}
