package ticket_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// counted is a store that notes its calls. Consume fails with fault, if there is
// one.
type counted struct {
	*memstore.Store
	calls []string
	fault error
}

func (c *counted) Consume(ctx context.Context, id ticket.ID, m ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	c.calls = append(c.calls, "consume")
	if c.fault != nil {
		return ticket.Entry{}, c.fault
	}
	return c.Store.Consume(ctx, id, m, retry)
}

func (c *counted) Settle(ctx context.Context, id ticket.ID, m ticket.Mark) error {
	c.calls = append(c.calls, "settle")
	return c.Store.Settle(ctx, id, m)
}

func (c *counted) Lookup(ctx context.Context, id ticket.ID) (ticket.Entry, error) {
	c.calls = append(c.calls, "lookup")
	return c.Store.Lookup(ctx, id)
}

func (c *counted) PutNote(ctx context.Context, id ticket.ID, n ticket.Note) error {
	c.calls = append(c.calls, "put note")
	return c.Store.PutNote(ctx, id, n)
}

// TestEveryRefusalCostsTheSame: the time of an answer does not tell a ticket that is
// unknown from one that was good (R18). A success costs nothing for it.
func TestEveryRefusalCostsTheSame(t *testing.T) {
	t.Parallel()
	const app = "https://app.example.com"
	for rule, row := range map[string]struct {
		before func(t *testing.T, b *bench, made ticket.Ticket)
		fault  error
		p      ticket.Presentation
		want   error
	}{
		"unknown":          {fault: ticket.ErrNotFound, want: ticket.ErrNotFound},
		"fenced":           {fault: ticket.ErrFenced, want: ticket.ErrFenced},
		"corrupt":          {fault: ticket.ErrCorrupt, want: ticket.ErrCorrupt},
		"expired":          {fault: ticket.ErrExpired, want: ticket.ErrExpired},
		"by our own clock": {before: func(_ *testing.T, b *bench, _ ticket.Ticket) { b.advance(time.Minute) }, want: ticket.ErrExpired},
		"another origin":   {p: ticket.Presentation{Origin: "https://evil.example"}, want: ticket.ErrWrongOrigin},
		"another audience": {p: ticket.Presentation{Origin: app, Audience: "feed"}, want: ticket.ErrWrongAudience},
		"spent": {before: func(t *testing.T, b *bench, made ticket.Ticket) {
			_, _ = b.Redeem(t.Context(), made.Token, ticket.Presentation{Origin: app})
		}, want: ticket.ErrSpent},
		"refused before": {before: func(t *testing.T, b *bench, made ticket.Ticket) {
			_, _ = b.Redeem(t.Context(), made.Token, ticket.Presentation{})
		}, want: ticket.ErrSpent},
		"refused, again by the same attempt": {before: func(t *testing.T, b *bench, made ticket.Ticket) {
			_, _ = b.Redeem(t.Context(), made.Token, ticket.Presentation{Attempt: "a"})
		}, p: ticket.Presentation{Attempt: "a"}, want: ticket.ErrSpent},
		"revoked": {before: func(t *testing.T, b *bench, made ticket.Ticket) {
			_ = b.Revoke(t.Context(), made.ID, test.Alice())
		}, want: ticket.ErrRevoked},
		"good":                      {p: ticket.Presentation{Origin: app}},
		"the store does not answer": {fault: ticket.ErrUnavailable, want: ticket.ErrUnavailable},
	} {
		store := &counted{}
		b := newBench(t, ticket.Options{Store: store, RetryWindow: time.Second, Audiences: ticket.Audiences{{Name: "chat"}, {Name: "feed"}}})
		store.Store = b.store
		made := b.mustIssue(t, ticket.Request{Identity: test.Alice(), Origin: app})
		if row.before != nil {
			row.before(t, b, made)
		}
		store.calls, store.fault = nil, row.fault
		_, err := b.Redeem(t.Context(), made.Token, row.p)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", rule, err, row.want)
		}
		want := 2
		if row.want == nil || errors.Is(row.want, ticket.ErrUnavailable) {
			want = 1 // and neither looks like a refusal
		}
		if len(store.calls) != want || !slices.Contains(store.calls, "consume") {
			t.Errorf("%s: got the calls %q, want %d", rule, store.calls, want)
		}
	}
}

// TestWithoutNotesEveryRefusalCostsTheSame: a store that keeps no notes is asked as
// often.
func TestWithoutNotesEveryRefusalCostsTheSame(t *testing.T) {
	t.Parallel()
	store := &counted{}
	b := newBench(t, ticket.Options{Store: struct{ ticket.Store }{store}})
	store.Store = b.store
	made := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	mustRedeem(t, b, made)
	for rule, token := range map[string]ticket.Token{"spent": made.Token, "unknown": unknownToken(t)} {
		store.calls = nil
		if _, err := b.Redeem(t.Context(), token, ticket.Presentation{}); err == nil || len(store.calls) != 2 {
			t.Errorf("%s: got %v and the calls %q, want a refusal and 2", rule, err, store.calls)
		}
	}
}

// unknownToken is the token of a ticket in another store.
func unknownToken(t *testing.T) ticket.Token {
	t.Helper()
	return newBench(t, ticket.Options{}).mustIssue(t, ticket.Request{Identity: test.Alice()}).Token
}

// TestForeignPageCostsTheSame: neither does the note of a refusal before the store
// was asked.
func TestForeignPageCostsTheSame(t *testing.T) {
	t.Parallel()
	store := &counted{}
	b := newBench(t, ticket.Options{Store: store})
	store.Store = b.store
	made := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	for rule, token := range map[string]ticket.Token{"known": made.Token, "unknown": unknownToken(t)} {
		store.calls = nil
		b.Note(t.Context(), token, ticket.ErrWrongOrigin)
		if !slices.Equal(store.calls, []string{"put note"}) {
			t.Errorf("%s: got the calls %q, want one note", rule, store.calls)
		}
	}
}

// TestOthersReceiptsCostTheSame: the receipt of somebody else's ticket is refused
// after as many calls as one of a ticket that never was.
func TestOthersReceiptsCostTheSame(t *testing.T) {
	t.Parallel()
	store := &counted{}
	b := newBench(t, ticket.Options{Store: store})
	store.Store = b.store
	made := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	for rule, id := range map[string]ticket.ID{"somebody else's": made.ID, "unknown": ticket.NewID()} {
		store.calls = nil
		_, readErr := b.Lookup(t.Context(), id, test.Bob())
		revokeErr := b.Revoke(t.Context(), id, test.Bob())
		if !errors.Is(readErr, ticket.ErrNotFound) || !errors.Is(revokeErr, ticket.ErrNotFound) {
			t.Errorf("%s: got %v and %v, want it not found", rule, readErr, revokeErr)
		}
		if !slices.Equal(store.calls, []string{"lookup", "lookup"}) {
			t.Errorf("%s: got the calls %q, want one each", rule, store.calls)
		}
	}
}
