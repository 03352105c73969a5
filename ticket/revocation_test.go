package ticket_test

import (
	"slices"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// The selectors of a grant are those that match it, and each has a word of its own.
func TestSelectors(t *testing.T) {
	t.Parallel()
	at := time.Now()
	grant := ticket.Grant{ID: ticket.NewID(), Identity: test.Alice()}
	grant.Identity.IssuedAt = at
	var kinds []string
	for _, s := range ticket.SelectorsOf(grant) {
		kinds = append(kinds, s.Kind())
		v := ticket.Revocation{Selector: s, Before: at}
		if !v.Matches(grant) {
			t.Errorf("%+v does not match the grant that it is of", s)
		}
		other := ticket.Grant{ID: ticket.NewID(), Identity: test.Bob()}
		if s.Kind() != "iss" && v.Matches(other) {
			t.Errorf("%+v matches another user", s)
		}
		v.Before = at.Add(-time.Millisecond)
		if v.Matches(grant) != (s.Kind() == "ticket") {
			t.Errorf("%+v matches a newer bearer: %v", s, v.Matches(grant))
		}
	}
	if want := []string{"ticket", "sub", "sid", "jti", "iss"}; !slices.Equal(kinds, want) {
		t.Errorf("selectors by %q, want %q", kinds, want)
	}
	if got := ticket.SelectorsOf(ticket.Grant{}); len(got) != 0 {
		t.Errorf("nobody has the selectors %+v", got)
	}
}

func TestEndingsOfActions(t *testing.T) {
	t.Parallel()
	for action, want := range map[ticket.RevocationAction]ticket.Ending{
		ticket.RevokeEnd: ticket.EndRevoked, ticket.RevokeRecheck: ticket.EndRecheck, ticket.RevokeReplace: ticket.EndDisplaced,
	} {
		if got := action.Ending(); got != want {
			t.Errorf("%s ends with %v, want %v", action, got, want)
		}
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	p := ticket.Position{Epoch: "a", Millis: 5, Sequence: 2}
	for _, row := range []struct {
		of   ticket.Position
		want bool
	}{
		{ticket.Position{}, true},
		{p, true},
		{ticket.Position{Epoch: "a", Millis: 5, Sequence: 1}, true},
		{ticket.Position{Epoch: "a", Millis: 4, Sequence: 9}, true},
		{ticket.Position{Epoch: "a", Millis: 5, Sequence: 3}, false},
		{ticket.Position{Epoch: "a", Millis: 6}, false},
		{ticket.Position{Epoch: "b", Millis: 1}, false},
	} {
		if got := p.Covers(row.of); got != row.want {
			t.Errorf("%+v covers %+v: %v, want %v", p, row.of, got, row.want)
		}
	}
}

// What one process seals another one opens, for the same purpose only.
func TestSeal(t *testing.T) {
	t.Parallel()
	first, second := []byte("0123456789abcdef0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210")
	newSeal := func(keys ...[]byte) *ticket.Seal {
		s, err := ticket.NewSeal(keys, "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, both, other, own := newSeal(first), newSeal(second, first), newSeal(second), newSeal()
	sealed := one.Seal("a", []byte("secret"))
	if plain, err := both.Open("a", sealed); err != nil || string(plain) != "secret" {
		t.Errorf("while keys are rotated: %q, %v, want the message", plain, err)
	}
	if _, err := one.Open("b", sealed); ticket.Reason(err) != "corrupt" {
		t.Errorf("for another purpose: %v, want corrupt", err)
	}
	for _, s := range []*ticket.Seal{other, own} {
		if _, err := s.Open("a", sealed); ticket.Reason(err) != "corrupt" {
			t.Errorf("under another key: %v, want corrupt", err)
		}
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := one.Open("a", sealed); ticket.Reason(err) != "corrupt" {
		t.Errorf("a changed one: %v, want corrupt", err)
	}
	if one.Tag("ab", "c") != newSeal(first).Tag("ab", "c") || one.Tag("ab", "c") == one.Tag("a", "bc") || one.Tag("a") == other.Tag("a") {
		t.Error("tags differ where they should be the same, or the other way round")
	}
	if _, err := ticket.NewSeal([][]byte{[]byte("short")}); err == nil {
		t.Error("NewSeal takes a key that is none")
	}
}
