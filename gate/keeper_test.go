package gate_test

import (
	"context"
	"errors"
	"testing"

	"wsticket/gate"
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

// credentials that open a handshake by themselves.
var ambient = map[string][]string{
	"a bearer":  {"Authorization: Bearer " + goodBearer},
	"a session": {"Origin: " + appOrigin, "Cookie: sid=" + goodBearer},
}

// TestAdmissionIsAnEvent: one of its own where there is no ticket whose redemption is one.
func TestAdmissionIsAnEvent(t *testing.T) {
	for rule, edits := range ambient {
		j := newJudge(t, withSessions)
		_, grant, err := j.judge(t, test.Handshake(plain, edits...))
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		all := j.events.All()
		if len(all) != 1 || all[0].Kind != ticket.EventAdmit || all[0].TicketID != grant.ID || all[0].Kept ||
			all[0].Identity.Subject != grant.Identity.Subject || all[0].Reason != "ok" || all[0].Presentation.Door == "" {
			t.Errorf("%s: events %+v, want the admission of %s", rule, all, grant.ID)
		}
	}
	j := newJudge(t, nil)
	if _, _, err := j.judge(t, test.Handshake(query)); err != nil || len(j.events.All()) != 0 {
		t.Errorf("a ticket: %v and %d events, want none beside the Redeemer's", err, len(j.events.All()))
	}
}

func TestAdmissionIsKeptBeforeItIsAnswered(t *testing.T) {
	for rule, edits := range ambient {
		var k keeper
		j := newJudge(t, func(o *gate.Options) { withSessions(o); o.Keeper = &k })
		_, grant, err := j.judge(t, test.Handshake(plain, edits...))
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		if kept := k.kept.All(); len(kept) != 1 || kept[0].Kind != ticket.EventAdmit || kept[0].TicketID != grant.ID {
			t.Errorf("%s: kept %+v, want the admission of %s", rule, kept, grant.ID)
		}
		if e := j.events.Last(1)[0]; e.Kind != ticket.EventAdmit || !e.Kept {
			t.Errorf("%s: event %+v, want an admission that is kept", rule, e)
		}
	}
}

func TestAdmissionThatCannotBeKeptIsRefused(t *testing.T) {
	for rule, edits := range ambient {
		j := newJudge(t, func(o *gate.Options) { withSessions(o); o.Keeper = &keeper{err: errors.New("full")} })
		_, grant, err := j.judge(t, test.Handshake(plain, edits...))
		if !errors.Is(err, ticket.ErrUnavailable) || grant.ID != "" {
			t.Errorf("%s: %+v, %v, want ErrUnavailable and no grant", rule, grant, err)
		}
		answer := gate.Refusals().Of(err)
		if answer.Status != 503 || answer.RetryAfter == 0 {
			t.Errorf("%s: answered %d after %s, want 503 with Retry-After", rule, answer.Status, answer.RetryAfter)
		}
		if all := j.events.All(); len(all) != 1 || all[0].Kind != ticket.EventRefuse || all[0].Reason != "unavailable" {
			t.Errorf("%s: events %+v, want one refusal", rule, all)
		}
	}
}
