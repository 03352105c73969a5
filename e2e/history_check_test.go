//go:build e2e

package e2e_test

import (
	"testing"
	"time"

	"wsticket/ticket"
)

// TestChecker tries the rules on histories that nobody has lived through. The
// times are in milliseconds; the ticket lives for 100.
func TestChecker(t *testing.T) {
	const number = 7 // one that is to end
	r := rules{Short: 100 * time.Millisecond, Long: time.Hour, Retry: 10 * time.Millisecond}
	call := func(k kind, from, to int64, attempt, outcome string, seen mark) operation {
		o := operation{Ticket: number, Kind: k, Call: from * 1e6, Return: to * 1e6, Outcome: outcome, Seen: seen}
		switch k {
		case consume:
			o.Mark = mark{ticket.Redeemed, from, attempt}
		case revoke:
			o.Mark = mark{State: ticket.Revoked, At: from}
		case create, lookup:
		}
		return o
	}
	pending, by := mark{State: ticket.Pending}, func(attempt string, at int64) mark { return mark{ticket.Redeemed, at, attempt} }
	created := call(create, 0, 1, "", outcomeOK, mark{})
	grantA := call(consume, 10, 11, "a", outcomeOK, pending)
	lostA := call(consume, 10, 11, "a", outcomeUnknown, mark{})
	grantB := call(consume, 20, 21, "b", outcomeOK, pending)
	missing := func(from int64) operation { return call(lookup, from, from+1, "", outcomeNotFound, mark{}) }

	tests := []struct {
		rule    string
		history []operation
		legal   bool
	}{
		{"one grant", []operation{created, grantA}, true},
		{"a loser is told who won", []operation{created, grantA, call(consume, 20, 21, "b", outcomeSpent, by("a", 10))}, true},
		{"a loser is told of somebody else", []operation{created, grantA, call(consume, 20, 21, "b", outcomeSpent, by("c", 10))}, false},
		{"two grants", []operation{created, grantA, grantB}, false},
		{"two grants at a time", []operation{created, grantA, call(consume, 10, 11, "b", outcomeOK, pending)}, false},
		{"a grant of what was never created", []operation{grantA}, false},
		{"a grant before the ticket is created", []operation{grantA, call(create, 12, 13, "", outcomeOK, mark{})}, false},
		{"a grant while the ticket is created", []operation{grantA, call(create, 9, 13, "", outcomeOK, mark{})}, true},
		{"created twice", []operation{created, call(create, 2, 3, "", outcomeOK, mark{})}, false},
		{"created again after its end", []operation{created, call(create, 200, 201, "", outcomeOK, mark{})}, true},
		{"taken while nobody has created it", []operation{call(create, 2, 3, "", outcomeExists, mark{})}, false},
		{"a grant after the revocation", []operation{created, call(revoke, 5, 6, "", outcomeOK, pending), grantA}, false},
		{"refused after the revocation", []operation{
			created, call(revoke, 5, 6, "", outcomeOK, pending),
			call(consume, 10, 11, "a", outcomeRevoked, mark{State: ticket.Revoked, At: 5}),
		}, true},
		{"a revocation after the grant", []operation{created, grantA, call(revoke, 20, 21, "", outcomeOK, pending)}, false},
		{"a grant after the end", []operation{created, call(consume, 150, 151, "a", outcomeOK, pending)}, false},
		{"gone before the end", []operation{created, missing(50)}, false},
		{"gone after the end", []operation{created, missing(150)}, true},
		{"gone, and there again", []operation{created, missing(90), call(consume, 95, 96, "a", outcomeOK, pending)}, false},
		{"gone after the grant", []operation{created, grantA, missing(150)}, false},
		{"pending after the grant", []operation{created, grantA, call(lookup, 20, 21, "", outcomeOK, pending)}, false},
		{"the same attempt in time", []operation{created, grantA, call(consume, 15, 16, "a", outcomeOK, by("a", 10))}, true},
		{"the same attempt too late", []operation{created, grantA, call(consume, 25, 26, "a", outcomeOK, by("a", 10))}, false},
		{"the same attempt in time, refused", []operation{created, grantA, call(consume, 15, 16, "a", outcomeSpent, by("a", 10))}, false},
		{"another attempt in time", []operation{created, grantA, call(consume, 15, 16, "b", outcomeOK, by("a", 10))}, false},
		{"what had no reply had no effect", []operation{created, lostA, grantB}, true},
		{"what had no reply had its effect", []operation{created, lostA, call(consume, 20, 21, "b", outcomeSpent, by("a", 10))}, true},
		{"it has its effect later", []operation{
			created, lostA, call(lookup, 20, 21, "", outcomeOK, pending), call(lookup, 30, 31, "", outcomeOK, by("a", 10)),
		}, true},
		{"it has its effect after a grant", []operation{created, lostA, grantB, call(lookup, 30, 31, "", outcomeOK, by("a", 10))}, false},
		{"what had no reply is told to be nothing", []operation{created, lostA, missing(20)}, false},
		{"a ticket whose creation had no reply", []operation{call(create, 0, 1, "", outcomeUnknown, mark{}), missing(5), grantA}, true},
		{"the record of another ticket", []operation{created, call(consume, 10, 11, "a", outcomeMixedUp, pending)}, false},
		{"a refusal for which there is no reason", []operation{created, call(consume, 10, 11, "a", "corrupt", mark{})}, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			if got := r.check(tt.history, time.Second).legal(); got != tt.legal {
				t.Errorf("legal: got %t, want %t", got, tt.legal)
			}
		})
	}
}
