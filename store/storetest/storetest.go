// Package storetest is the conformance suite of [ticket.Store]. The whole test of
// a store may be
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(tb testing.TB) storetest.Subject { … })
//	}
//
// Run it with -race: half of the cases are about concurrent calls.
package storetest

import (
	"testing"
	"time"

	"wsticket/ticket"
)

// Subject is a store under test.
type Subject struct {
	// Store is empty when a case begins. The factory closes it by tb.Cleanup.
	Store ticket.Store
	// Twin is a second store on the same data, as another process would open
	// it. Nil if there can be none.
	Twin ticket.Store
	// Retention is how long the store keeps a spent mark. At least 10 s.
	Retention time.Duration
	// Advance makes everything in the store older by d, without waiting.
	Advance func(d time.Duration)
}

// Factory returns a fresh, empty store. It is called once for each case.
type Factory func(tb testing.TB) Subject

// testCase is one rule of the contract.
type testCase struct {
	name string
	// rule is what the case checks. It is printed if the case fails.
	rule string
	run  func(tb testing.TB, s Subject)
}

// Run runs each case of the suite, as a subtest, on a store of its own.
func Run(t *testing.T, fresh Factory) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the rule: %s", c.rule)
				}
			})
			c.run(t, fresh(t))
		})
	}
}

// cases lists the rules, the most important one first.
func cases() []testCase {
	return []testCase{
		{"one winner", "of 100 concurrent consumers one gets the record and 99 get a SpentError", oneWinner},
		{"one winner of two processes", "two processes on one store are no different", oneWinnerOfTwo},
		{"one attempt", "of 10 attempts with 10 concurrent calls each, one gets the record, and with each call", oneAttempt},
		{"one creator", "of 100 concurrent Creates of an ID one succeeds and 99 get ErrExists", oneCreator},
		{"create twice", "a taken ID is ErrExists, live or spent, and the first record stays", createTwice},
		{"create nonsense", "an ID or lifetime that cannot be kept is ErrInvalidRequest", createNonsense},
		{"consume unknown", "an ID that was never created is ErrNotFound", consumeUnknown},
		{"consume expired", "a record is live until the end of its lifetime and ErrExpired after it", consumeExpired},
		{"expired is kept", "an expired record stays for the retention time, and is ErrNotFound after it", expiredIsKept},
		{"create after expiry", "an ID is free again when its record is no longer kept", createAfterExpiry},
		{"lookup", "Lookup shows pending, then the mark, and changes neither", lookup},
		{"retention", "a mark stays for the retention time, counted from Consume, and is ErrNotFound when the record would have been", retention},
		{"mark", "state, attempt, reason and the time to the millisecond come back", markComesBack},
		{"first mark stays", "a second Consume returns the first mark in its error, and keeps it", firstMarkStays},
		{"same attempt", "the attempt that redeemed a ticket gets the record again, with its first mark", sameAttempt},
		{"same attempt too late", "after the retry window the same attempt is a replay", sameAttemptTooLate},
		{"same attempt too early", "and so is one whose mark is more than 1 s older than the first", sameAttemptTooEarly},
		{"foreign attempt", "nobody but the attempt that redeemed a ticket gets the record again", foreignAttempt},
		{"settled attempt", "not even that attempt, once the ticket is settled as refused", settledAttempt},
		{"revoked", "a SpentError of a revoked ticket wraps ErrRevoked and not ErrSpent", revoked},
		{"mark nonsense", "a mark that is not one of a spent ticket is ErrInvalidRequest and changes nothing", markNonsense},
		{"record", "times to the millisecond, owner and payload come back from Consume and Lookup", recordComesBack},
		{"payload is no alias", "the store shares no memory with the caller", payloadIsNoAlias},
		{"settle", "Settle replaces the mark and leaves the record", settle},
		{"settle live", "Settle of a live or absent ticket is ErrNotFound and leaves it", settleLive},
		{"settle keeps retention", "Settle does not lengthen the life of a mark", settleKeepsRetention},
		{"canceled", "a cancelled context is ErrUnavailable, and never a record or ErrNotFound", canceled},
	}
}
