package ticket_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/internal/test"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

func mustNew(tb testing.TB, o ticket.Options) *ticket.Service {
	tb.Helper()
	s, err := ticket.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// bench is a service over a Memory store, with a clock that the test moves.
type bench struct {
	*ticket.Service
	store  *memstore.Store
	offset atomic.Int64
	events test.Events
}

func (b *bench) now() time.Time          { return time.Now().Add(time.Duration(b.offset.Load())) }
func (b *bench) advance(d time.Duration) { b.offset.Add(int64(d)) }

func newBench(t *testing.T, o ticket.Options) *bench {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	b := &bench{store: memory}
	o.Now = b.now
	o.Events = b.events.Record
	if o.Store == nil {
		o.Store = memory
	}
	b.Service = mustNew(t, o)
	return b
}

// last is the newest event.
func (b *bench) last(t *testing.T) ticket.Event {
	t.Helper()
	last := b.events.Last(1)
	if len(last) == 0 {
		t.Fatal("there is no event")
	}
	return last[0]
}

func (b *bench) mustIssue(t *testing.T, req ticket.Request) ticket.Ticket {
	t.Helper()
	issued, err := b.Issue(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestNewListsEveryFault(t *testing.T) {
	_, err := ticket.New(ticket.Options{TTL: 2 * time.Minute, Audiences: ticket.Audiences{{Name: "chat"}, {Name: ""}}})
	if got, want := test.Faults(err), []string{"ticket.Store", "ticket.TTL", "ticket.Audiences[1].Name"}; !slices.Equal(got, want) {
		t.Errorf("New: %v, want faults of %q", err, want)
	}
}

func TestIssueAndRedeem(t *testing.T) {
	b := newBench(t, ticket.Options{Audiences: ticket.Audiences{{Name: "chat"}, {Name: "feed"}}})
	who := test.Alice()
	issued := b.mustIssue(t, ticket.Request{Identity: who, Scope: "chat.read", Origin: "https://app.example.com"})
	if issued.Lifetime != 30*time.Second || issued.Audience != "chat" || issued.Scope != "chat.read" {
		t.Errorf("issued %+v, want 30 s for chat with chat.read", issued)
	}
	if issued.ID != issued.Token.ID() {
		t.Errorf("ID %s is not the token's", issued.ID)
	}
	grant, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Origin: "https://app.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if grant.ID != issued.ID || grant.Scope != "chat.read" || grant.Origin != "https://app.example.com" {
		t.Errorf("grant = %+v", grant)
	}
	if g := grant.Identity; g.Issuer != who.Issuer || g.Subject != who.Subject || g.SessionID != who.SessionID ||
		g.TokenID != who.TokenID || g.Scope != who.Scope || g.Claims["email"] != who.Claims["email"] {
		t.Errorf("identity = %+v, want %+v", g, who)
	}
	if !grant.ConnectionExpiresAt.Equal(who.ExpiresAt) {
		t.Errorf("connection ends %s, want the bearer's end %s", grant.ConnectionExpiresAt, who.ExpiresAt)
	}
}

func TestIssueRefuses(t *testing.T) {
	soon, gone := test.Alice(), test.Alice()
	soon.ExpiresAt = time.Now().Add(4 * time.Second)
	gone.ExpiresAt = time.Now().Add(-time.Second)
	seconds := func(n float64) *time.Duration { d := time.Duration(n * float64(time.Second)); return &d }
	for _, row := range []struct {
		rule string
		req  ticket.Request
		want error
	}{
		{"a bearer with under 5 s left makes no ticket", ticket.Request{Identity: soon}, ticket.ErrShortLived},
		{"an expired bearer makes no ticket", ticket.Request{Identity: gone}, ticket.ErrShortLived},
		{"a lifetime may not be zero", ticket.Request{Identity: test.Alice(), TTL: seconds(0)}, ticket.ErrInvalidRequest},
		{"a lifetime may not be negative", ticket.Request{Identity: test.Alice(), TTL: seconds(-1)}, ticket.ErrInvalidRequest},
		{"a lifetime may only be shortened", ticket.Request{Identity: test.Alice(), TTL: seconds(31)}, ticket.ErrInvalidRequest},
		{"an audience must be configured", ticket.Request{Identity: test.Alice(), Audience: "admin"}, ticket.ErrInsufficientScope},
		{"a scope is never wider than the bearer's", ticket.Request{Identity: test.Alice(), Scope: "chat.read admin"}, ticket.ErrInsufficientScope},
		{"a scope has one space between its parts", ticket.Request{Identity: test.Alice(), Scope: "chat.read  chat.write"}, ticket.ErrInvalidRequest},
		{"a scope has no control characters", ticket.Request{Identity: test.Alice(), Scope: "chat.read\n"}, ticket.ErrInvalidRequest},
		{"an identity names a subject", ticket.Request{Identity: ticket.Identity{Issuer: "i", ExpiresAt: test.Alice().ExpiresAt}}, ticket.ErrInvalidRequest},
		{"an identity names an issuer", ticket.Request{Identity: ticket.Identity{Subject: "s", ExpiresAt: test.Alice().ExpiresAt}}, ticket.ErrInvalidRequest},
	} {
		t.Run(row.rule, func(t *testing.T) {
			b := newBench(t, ticket.Options{})
			issued, err := b.Issue(t.Context(), row.req)
			if !errors.Is(err, row.want) || !issued.Token.IsZero() {
				t.Errorf("Issue = %v, want %v and no token", err, row.want)
			}
			e := b.last(t)
			if n := len(b.events.All()); n != 1 || e.Kind != ticket.EventRefuse || e.Action != ticket.ActionIssue || !errors.Is(e.Err, row.want) {
				t.Errorf("%d events, the last %+v, want one refusal with %v", n, e, row.want)
			}
		})
	}
}

func TestTicketNeverOutlivesItsBearer(t *testing.T) {
	b := newBench(t, ticket.Options{})
	who := test.Alice()
	who.ExpiresAt = time.Now().Add(10 * time.Second)
	issued := b.mustIssue(t, ticket.Request{Identity: who})
	if issued.ExpiresAt.After(who.ExpiresAt) || issued.Lifetime > 10*time.Second {
		t.Errorf("ticket ends %s (%s), bearer ends %s", issued.ExpiresAt, issued.Lifetime, who.ExpiresAt)
	}
}

func TestRedeemRefusesAndSpends(t *testing.T) {
	for _, row := range []struct {
		rule    string
		req     ticket.Request
		present ticket.Presentation
		advance time.Duration
		want    error
		reason  string
		attrs   string // for the log
	}{
		{
			rule: "a ticket for one audience opens no other",
			req:  ticket.Request{Audience: "feed"}, present: ticket.Presentation{Audience: "chat"},
			want: ticket.ErrWrongAudience, reason: "wrong_audience", attrs: "[audience=chat expected=[feed]]",
		},
		{
			rule: "an empty audience is the default one, not any",
			req:  ticket.Request{Audience: "feed"},
			want: ticket.ErrWrongAudience, reason: "wrong_audience", attrs: "[audience=chat expected=[feed]]",
		},
		{
			rule: "a ticket of one origin is refused at another",
			req:  ticket.Request{Origin: "https://app.example.com"}, present: ticket.Presentation{Origin: "https://evil.example"},
			want: ticket.ErrWrongOrigin, reason: "wrong_origin", attrs: "[origin=https://evil.example expected=[https://app.example.com]]",
		},
		{
			rule: "a ticket of an origin is refused without one",
			req:  ticket.Request{Origin: "https://app.example.com"},
			want: ticket.ErrWrongOrigin, reason: "wrong_origin", attrs: "[origin=(none) expected=[https://app.example.com]]",
		},
		{
			rule:    "our clock decides even where the store's lags",
			advance: 30 * time.Second,
			want:    ticket.ErrExpired, reason: "expired", attrs: "[]",
		},
	} {
		t.Run(row.rule, func(t *testing.T) {
			b := newBench(t, ticket.Options{Audiences: ticket.Audiences{{Name: "chat"}, {Name: "feed"}}})
			row.req.Identity = test.Alice()
			issued := b.mustIssue(t, row.req)
			b.advance(row.advance)
			if _, err := b.Redeem(t.Context(), issued.Token, row.present); !errors.Is(err, row.want) || fmt.Sprint(ticket.AttrsOf(err)) != row.attrs {
				t.Fatalf("Redeem = %v %s, want %v %s", err, ticket.AttrsOf(err), row.want, row.attrs)
			}
			right := ticket.Presentation{Audience: issued.Audience, Origin: row.req.Origin}
			if _, err := b.Redeem(t.Context(), issued.Token, right); !errors.Is(err, ticket.ErrSpent) {
				t.Errorf("the right presentation afterwards = %v, want ErrSpent", err)
			}
			receipt, err := b.Lookup(t.Context(), issued.ID, test.Alice())
			if err != nil || receipt.State != ticket.Refused || receipt.Reason != row.reason {
				t.Errorf("receipt = %+v, %v, want refused for %s", receipt, err, row.reason)
			}
		})
	}
}

func TestReplaySaysWhoAndWhen(t *testing.T) {
	b := newBench(t, ticket.Options{})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: "first"}); err != nil {
		t.Fatal(err)
	}
	_, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: "second"})
	spent, ok := errors.AsType[*ticket.SpentError](err)
	if !ok || !errors.Is(err, ticket.ErrSpent) {
		t.Fatalf("second Redeem = %v, want a SpentError", err)
	}
	if spent.Mark.Attempt != b.events.All()[1].Presentation.Attempt || spent.Mark.State != ticket.Redeemed || time.Since(spent.Mark.At) > time.Minute {
		t.Errorf("mark = %+v, want the first attempt's", spent.Mark)
	}
	got := b.last(t)
	if ticket.Reason(got.Err) != "spent" || got.Kind != ticket.EventReplay || got.TicketID != issued.ID || got.Presentation.Attempt == spent.Mark.Attempt {
		t.Errorf("event %+v, want a spent %s, by another attempt", got, issued.ID)
	}
}

func TestRedeemBoundsTheAttempt(t *testing.T) {
	b := newBench(t, ticket.Options{})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	long := ticket.Presentation{Attempt: strings.Repeat("a", ticket.MaxAttempt+1)}
	if _, err := b.Redeem(t.Context(), issued.Token, long); !errors.Is(err, ticket.ErrInvalidRequest) {
		t.Errorf("Redeem = %v, want ErrInvalidRequest", err)
	}
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{}); err != nil {
		t.Errorf("the ticket was burned by a request that could not be made: %v", err)
	}
}

func TestReceiptIsItsOwnersAlone(t *testing.T) {
	b := newBench(t, ticket.Options{})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	receipt, err := b.Lookup(t.Context(), issued.ID, test.Alice())
	if err != nil || receipt.State != ticket.Pending || !receipt.At.IsZero() {
		t.Errorf("receipt = %+v, %v, want pending", receipt, err)
	}
	if !receipt.ExpiresAt.Equal(issued.ExpiresAt.Truncate(time.Millisecond)) {
		t.Errorf("receipt expires %s, ticket %s", receipt.ExpiresAt, issued.ExpiresAt)
	}
	mallory, twin := test.Alice(), test.Alice()
	mallory.Subject = "mallory"
	twin.Issuer = "https://other.example"
	for _, other := range []ticket.Identity{mallory, twin, {}} {
		if _, err := b.Lookup(t.Context(), issued.ID, other); !errors.Is(err, ticket.ErrNotFound) {
			t.Errorf("Lookup by %s of %s = %v, want ErrNotFound", other.Subject, other.Issuer, err)
		}
		if err := b.Revoke(t.Context(), issued.ID, other); !errors.Is(err, ticket.ErrNotFound) {
			t.Errorf("Revoke by %s of %s = %v, want ErrNotFound", other.Subject, other.Issuer, err)
		}
	}
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{}); err != nil {
		t.Errorf("strangers spent the ticket: %v", err)
	}
}

func TestRevoke(t *testing.T) {
	b := newBench(t, ticket.Options{})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	for range 2 {
		if err := b.Revoke(t.Context(), issued.ID, test.Alice()); err != nil {
			t.Fatalf("Revoke = %v, want nil, the second time too", err)
		}
	}
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{}); !errors.Is(err, ticket.ErrRevoked) {
		t.Errorf("Redeem = %v, want ErrRevoked", err)
	}
	if receipt, err := b.Lookup(t.Context(), issued.ID, test.Alice()); err != nil || receipt.State != ticket.Revoked {
		t.Errorf("receipt = %+v, %v, want revoked", receipt, err)
	}
	spent := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	if _, err := b.Redeem(t.Context(), spent.Token, ticket.Presentation{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Revoke(t.Context(), spent.ID, test.Alice()); !errors.Is(err, ticket.ErrNotFound) {
		t.Errorf("Revoke of a redeemed ticket = %v, want ErrNotFound", err)
	}
}

// broken is a store whose calls the test decides.
type broken struct {
	ticket.Store
	err     error
	payload []byte
}

func (b broken) Create(context.Context, ticket.ID, ticket.Record, time.Duration) error { return b.err }

func (b broken) Consume(context.Context, ticket.ID, ticket.Mark, time.Duration) (ticket.Entry, error) {
	rec := ticket.Record{ExpiresAt: start.Add(1e6 * time.Hour), Payload: b.payload}
	return ticket.Entry{Record: rec, Mark: ticket.Mark{State: ticket.Pending}}, b.err
}

func (b broken) Settle(context.Context, ticket.ID, ticket.Mark) error { return ticket.ErrUnavailable }

func TestStoreThatCannotAnswerAdmitsNobody(t *testing.T) {
	s := mustNew(t, ticket.Options{Store: broken{err: ticket.ErrUnavailable}})
	if _, err := s.Issue(t.Context(), ticket.Request{Identity: test.Alice()}); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("Issue = %v, want ErrUnavailable", err)
	}
	token, err := ticket.ParseToken(readVectors(t).Valid[0].Token)
	if err != nil {
		t.Fatal(err)
	}
	grant, err := s.Redeem(t.Context(), token, ticket.Presentation{})
	if !errors.Is(err, ticket.ErrUnavailable) || grant.ID != "" {
		t.Errorf("Redeem = %+v, %v, want ErrUnavailable and no grant", grant, err)
	}
}

func TestForeignPayloadIsRefusedEvenIfTheNoteIsLost(t *testing.T) {
	token, err := ticket.ParseToken(readVectors(t).Valid[0].Token)
	if err != nil {
		t.Fatal(err)
	}
	for rule, data := range map[string][]byte{
		"nothing at all":     nil,
		"a format not ours":  {9, '{', '}'},
		"a payload in clear": []byte("\x00{\"i\":\"x\",\"s\":\"alice\",\"a\":\"default\"}"),
		"a seal that is cut": {2, 2, 3},
		"an empty seal":      {2},
	} {
		s := mustNew(t, ticket.Options{Store: broken{payload: data}})
		if _, err := s.Redeem(t.Context(), token, ticket.Presentation{}); !errors.Is(err, ticket.ErrCorrupt) || errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("%s: Redeem = %v, want ErrCorrupt", rule, err)
		}
	}
}

// The words of the sentinels are tested with their answers, in package gate.
func TestReason(t *testing.T) {
	for want, err := range map[string]error{
		"ok": nil, "internal": errors.New("boom"), "canceled": context.Canceled, "spent": errors.Join(errors.New("wrapped"), ticket.ErrSpent),
		"full": ticket.ErrFull, "its_own_word": errors.Join(ticket.ErrInvalidBearer, namedError{}),
	} {
		if got := ticket.Reason(err); got != want {
			t.Errorf("Reason(%v) = %q, want %q", err, got, want)
		}
	}
}

type namedError struct{}

func (namedError) Error() string  { return "named" }
func (namedError) Reason() string { return "its_own_word" }
