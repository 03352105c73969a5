package ticket_test

import (
	"context"
	"errors"
	"testing"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// keeper keeps events, or fails with err.
type keeper struct {
	kept test.Events
	err  error
}

func (k *keeper) Keep(ctx context.Context, e ticket.Event) error {
	if k.err == nil {
		k.kept.Record(ctx, e)
	}
	return k.err
}

func TestRedemptionIsKeptBeforeItIsAnswered(t *testing.T) {
	var k keeper
	b := newBench(t, ticket.Options{Keeper: &k})
	who := test.Alice()
	who.ClientID = "page"
	issued := b.mustIssue(t, ticket.Request{Identity: who})
	ctx := ticket.WithRequest(t.Context(), ticket.RequestInfo{ID: "r-1"})
	if _, err := b.Redeem(ctx, issued.Token, ticket.Presentation{}); err != nil {
		t.Fatal(err)
	}
	kept := k.kept.All()
	if len(kept) != 1 || kept[0].Kind != ticket.EventRedeem || kept[0].TicketID != issued.ID || kept[0].Request.ID != "r-1" ||
		kept[0].Identity.Subject != who.Subject || kept[0].Identity.ClientID != who.ClientID || kept[0].Reason != "ok" {
		t.Errorf("kept %+v, want the one redemption", kept)
	}
	if e := b.last(t); e.Kind != ticket.EventRedeem || !e.Kept {
		t.Errorf("event %+v, want a redemption that is kept", e)
	}
	// A refusal admits nobody.
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{}); !errors.Is(err, ticket.ErrSpent) {
		t.Fatal(err)
	}
	if e := b.last(t); e.Kept || len(k.kept.All()) != 1 {
		t.Errorf("event %+v and %d kept, want no refusal among them", e, len(k.kept.All()))
	}
}

func TestRedemptionThatCannotBeKeptAdmitsNobody(t *testing.T) {
	for _, fault := range []error{errors.New("full"), ticket.ErrUnavailable} {
		b := newBench(t, ticket.Options{Keeper: &keeper{err: fault}})
		issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
		grant, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{})
		if !errors.Is(err, ticket.ErrUnavailable) || !errors.Is(err, fault) || grant.ID != "" || grant.Identity.Subject != "" {
			t.Errorf("Redeem = %+v, %v, want ErrUnavailable and no grant", grant, err)
		}
		if e := b.last(t); e.Kind != ticket.EventRefuse || e.Kept || e.Reason != "unavailable" || e.Identity.Subject != test.Alice().Subject {
			t.Errorf("event %+v, want a refusal of the user", e)
		}
		if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{}); !errors.Is(err, ticket.ErrSpent) {
			t.Errorf("again = %v, want ErrSpent", err)
		}
	}
}
