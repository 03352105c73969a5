package audittest

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// revocation returns one that expires an hour after epoch, in which every field has a value.
func revocation(id string) ticket.Revocation {
	return ticket.Revocation{
		ID:       id,
		Selector: ticket.Selector{Issuer: "https://idp.test", Subject: "sub-" + id, SessionID: "sid-" + id, TokenID: "jti-" + id, TicketID: ticket.ID("ticket-" + id)},
		Before:   epoch.Add(5 * time.Millisecond), Action: ticket.RevokeEnd, Reason: "reason-" + id, Source: "api", At: epoch, ExpiresAt: epoch.Add(time.Hour),
	}
}

func put(tb testing.TB, s audit.Store, all ...ticket.Revocation) {
	tb.Helper()
	if err := s.PutRevocations(tb.Context(), all); err != nil {
		tb.Fatal(err)
	}
}

// stored checks which revocations there are at a time, in any order.
func stored(tb testing.TB, s audit.Store, now time.Time, want ...ticket.Revocation) {
	tb.Helper()
	got, err := s.Revocations(tb.Context(), now)
	if err != nil {
		tb.Fatal(err)
	}
	slices.SortFunc(got, func(x, y ticket.Revocation) int { return strings.Compare(x.ID, y.ID) })
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		tb.Errorf("revocations:\n%+v\nwant\n%+v", got, want)
	}
}

func revocations(tb testing.TB, s audit.Store) {
	stored(tb, s, epoch)
	put(tb, s)
	one, two, odd := revocation("1"), revocation("2"), revocation("3")
	two.Selector, two.Action = ticket.Selector{TicketID: "t"}, ticket.RevokeRecheck
	odd.Subject, odd.Reason = `'; --"\ {,}`, "日本語"
	put(tb, s, one, two)
	put(tb, s, odd)
	stored(tb, s, epoch, one, two, odd)
}

func revocationStays(tb testing.TB, s audit.Store) {
	one, changed, two := revocation("1"), revocation("1"), revocation("2")
	changed.Subject = "mallory"
	put(tb, s, one)
	put(tb, s, changed, two)
	stored(tb, s, epoch, one, two)
}

// revocationsExpire: what has expired is not read, and removed in small steps.
func revocationsExpire(tb testing.TB, s audit.Store) {
	late := revocation("9")
	late.ExpiresAt = epoch.Add(2 * time.Hour)
	put(tb, s, revocation("1"), revocation("2"), revocation("3"), late)
	stored(tb, s, epoch.Add(time.Hour-time.Millisecond), revocation("1"), revocation("2"), revocation("3"), late)
	stored(tb, s, epoch.Add(time.Hour), late)
	var steps []int
	for range 3 {
		n, err := s.PruneRevocations(tb.Context(), epoch.Add(time.Hour), 2)
		if err != nil {
			tb.Fatal(err)
		}
		steps = append(steps, n)
	}
	if !slices.Equal(steps, []int{2, 1, 0}) {
		tb.Errorf("removed in steps of %v, want 2, 1 and 0", steps)
	}
	stored(tb, s, epoch, late)
}
