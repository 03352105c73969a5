package ticket_test

import (
	"testing"
	"time"

	"wsticket/ticket"
)

func TestRetriedBy(t *testing.T) {
	const retry = 2 * time.Second
	at := time.UnixMilli(1_700_000_000_000)
	mark := func(state ticket.State, later time.Duration, attempt string) ticket.Mark {
		return ticket.Mark{State: state, At: at.Add(later), Attempt: attempt}
	}
	first := mark(ticket.Redeemed, 0, "a")
	tests := []struct {
		rule        string
		first, next ticket.Mark
		retry       time.Duration
		want        bool
	}{
		{"the same attempt", first, first, retry, true},
		{"at the end of the window", first, mark(ticket.Redeemed, retry, "a"), retry, true},
		{"after the window", first, mark(ticket.Redeemed, retry+1, "a"), retry, false},
		{"by a clock that is behind", first, mark(ticket.Redeemed, -time.Second, "a"), retry, true},
		{"a mark that lies further in the reader's future", first, mark(ticket.Redeemed, -time.Second-1, "a"), retry, false},
		{"far in the future", first, mark(ticket.Redeemed, -time.Hour, "a"), retry, false},
		{"without a window", first, first, 0, false},
		{"another attempt", first, mark(ticket.Redeemed, 0, "b"), retry, false},
		{"attempts without a name", mark(ticket.Redeemed, 0, ""), mark(ticket.Redeemed, 0, ""), retry, false},
		{"a revocation", first, mark(ticket.Revoked, 0, "a"), retry, false},
		{"after a refusal", mark(ticket.Refused, 0, "a"), first, retry, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			if got := tt.first.RetriedBy(tt.next, tt.retry); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
