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

// kind names a call of a store.
type kind string

const (
	create  kind = "create"
	consume kind = "consume"
	revoke  kind = "revoke" // consume with the mark of a revocation
	lookup  kind = "lookup"
)

// The outcomes are the words of [ticket.Reason], and one of the tests' own.
const (
	outcomeOK       = "ok"
	outcomeExists   = "exists"
	outcomeNotFound = "not_found"
	outcomeSpent    = "spent"
	outcomeRevoked  = "revoked"
	outcomeUnknown  = "unavailable"
	// outcomeMixedUp: the record is that of another ticket.
	outcomeMixedUp = "mixed_up"
)

// operation is one call of a store, as its worker writes it down.
type operation struct {
	Client int
	Ticket int
	Kind   kind
	// Mark is what consume and revoke bring along. Its At, and all times of
	// marks, are Unix milliseconds.
	Mark mark
	// Call and Return are nanoseconds of the clock of the machine.
	Call, Return int64
	Outcome      string
	// Seen is the mark that came back: with the record, or with the refusal.
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

// forever is when a call ends whose outcome is not known: what it asked for
// may happen at any time from its call on. To happen after everything else is
// to have had no effect.
const forever = math.MaxInt64

// standing is where the model sees a ticket: absent, pending, or spent by a
// mark. The store ends a pending one by a clock that the model does not see,
// some time between earliest and latest.
type standing struct {
	mark             mark // its State is empty while the ticket is absent
	earliest, latest int64
}

func (s standing) pending() bool { return s.mark.State == ticket.Pending }

// mayBeGone and mayBeThere tell what a ticket can be for a call. Both can be
// true around the time at which it ends.
func (s standing) mayBeGone(o operation) bool {
	return s.mark.State == "" || s.pending() && o.Return >= s.earliest
}

func (s standing) mayBeThere(o operation) bool { return s.pending() && o.Call <= s.latest }

// rules are the parameters of a history.
type rules struct {
	// Lifetime of the odd ticket that is to end during the history; all others
	// outlive it.
	Short, Long time.Duration
	// Retry is how long the same attempt gets the record again.
	Retry time.Duration
}

// clockSlack is how much the clock of Redis, which it reads between two
// rounds of work, may be behind.
const clockSlack = 20 * time.Millisecond

// lifetime of a ticket by its number.
func (r rules) lifetime(number int) time.Duration {
	if number%8 == 7 {
		return r.Short
	}
	return r.Long
}

// retried is the rule of the contract, said once more: the attempt that
// redeemed a ticket comes again in time.
func (r rules) retried(o operation, by mark) bool {
	later := time.Duration(o.Mark.At-by.At) * time.Millisecond
	return o.Kind == consume && by.State == ticket.Redeemed && o.Mark.Attempt == by.Attempt &&
		r.Retry > 0 && -time.Second <= later && later <= r.Retry
}

// step tells whether a call can have come out as it did for a ticket that
// stands so, and how it stands after that.
func (r rules) step(s standing, o operation) (bool, standing) {
	switch o.Outcome {
	case outcomeUnknown:
		return true, r.effect(s, o)
	case outcomeOK:
		return r.allowed(s, o), r.effect(s, o)
	case outcomeExists:
		return o.Kind == create && (s.mayBeThere(o) || s.mark.State != "" && !s.pending()), s
	case outcomeNotFound:
		return o.Kind != create && s.mayBeGone(o), standing{}
	case outcomeSpent:
		return o.Seen == s.mark && s.mark.State == ticket.Redeemed && !r.retried(o, s.mark), s
	case outcomeRevoked:
		return o.Seen == s.mark && s.mark.State == ticket.Revoked, s
	default:
		return false, s
	}
}

// allowed tells whether a ticket that stands so may yield what o got.
func (r rules) allowed(s standing, o operation) bool {
	live := o.Seen == mark{State: ticket.Pending} && s.mayBeThere(o)
	switch o.Kind {
	case create:
		return s.mayBeGone(o)
	case consume, revoke:
		return live || o.Seen == s.mark && r.retried(o, s.mark)
	default:
		return live || o.Seen == s.mark && s.mark.State != "" && !s.pending()
	}
}

// effect is what a call does where it does anything.
func (r rules) effect(s standing, o operation) standing {
	switch {
	case o.Kind == create && s.mayBeGone(o):
		life := r.lifetime(o.Ticket)
		born := standing{
			mark:     mark{State: ticket.Pending},
			earliest: o.Call + int64(life-clockSlack), latest: forever,
		}
		if o.Return != forever {
			born.latest = o.Return + int64(life+clockSlack)
		}
		return born
	case (o.Kind == consume || o.Kind == revoke) && s.mayBeThere(o):
		return standing{mark: o.Mark}
	default:
		return s
	}
}

// model is the rules as porcupine takes them, for the history of one ticket.
func (r rules) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return standing{} },
		Step: func(state, input, _ any) (bool, any) {
			return r.step(state.(standing), input.(operation)) //nolint:errcheck // nothing else was put in
		},
	}
}

// verdict is what the checker finds.
type verdict struct {
	// wrong are the tickets of which no order of the calls explains the answers.
	wrong [][]operation
	// undecided are those for which time ran out.
	undecided int
	took      time.Duration
}

func (v verdict) legal() bool { return len(v.wrong) == 0 && v.undecided == 0 }

// check looks for an order of the calls of each ticket that explains all
// answers: tickets have nothing to do with each other.
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

// byTicket parts a history, in the order of the calls.
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
