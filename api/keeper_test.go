package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// keeper keeps events, unless it fails.
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

// TestForwardKeepsFirst: whatever a proxy asks about, nobody is let in whose admission is
// not stored.
func TestForwardKeepsFirst(t *testing.T) {
	t.Parallel()
	everyAsker(t, func(t *testing.T, a asker) {
		k := new(keeper)
		h := newHouse(t, func(o *parts) {
			o.Gate.Keeper, o.Gate.Doors = k, []ticket.Door{ticket.DoorQuery, ticket.DoorHeader, ticket.DoorCookie}
			o.Gate.Sessions, o.Gate.SessionCookie = authenticate(bearers), "sid"
		})
		for rule, ask := range map[string]func() *http.Request{
			"a ticket":  func() *http.Request { return a.ask(t, "/ws?ticket="+h.mustIssue(t, "").Ticket) },
			"a bearer":  func() *http.Request { return a.ask(t, "/ws", "Authorization", good) },
			"a session": func() *http.Request { return a.ask(t, "/ws", "Cookie", "sid=good", "Origin", page) },
		} {
			before := len(k.kept.All())
			k.err = ticket.ErrUnavailable
			a.denied(t, rule, h.internal(t, ask()), http.StatusServiceUnavailable, "unavailable")
			if n := len(k.kept.All()) - before; n != 0 {
				t.Errorf("%s: %d events are kept, want none", rule, n)
			}
			k.err = nil
			if w := h.internal(t, ask()); w.Code != http.StatusOK || len(k.kept.All())-before != 1 {
				t.Errorf("%s: %d with %d events, want 200 with one", rule, w.Code, len(k.kept.All())-before)
			}
		}
	})
}

// TestConsumeKeepsFirst, also when the same attempt asks again because nobody could be let
// in the first time. Any other attempt finds the ticket spent.
func TestConsumeKeepsFirst(t *testing.T) {
	t.Parallel()
	k := &keeper{err: ticket.ErrUnavailable}
	h := newHouse(t, func(o *parts) { o.Gate.Keeper, o.RetryWindow = k, 5*time.Second })
	made := h.mustIssue(t, "").Ticket
	ask := func(attempt string) string { return `{"ticket":"` + made + `","attempt":"` + attempt + `"}` }
	expect(t, "the trail is away", h.consume(t, ask("one")), http.StatusServiceUnavailable, "unavailable")
	k.err = nil
	if w := h.consume(t, ask("two")); !strings.Contains(w.Body.String(), `"active":false`) {
		t.Errorf("another attempt: %s, want it to be spent", w.Body)
	}
	if w := h.consume(t, ask("one")); !strings.Contains(w.Body.String(), `"active":true`) {
		t.Errorf("the same attempt: %s, want it to be redeemed", w.Body)
	}
	if all := k.kept.All(); len(all) != 1 || all[0].Kind != ticket.EventRedeem || !all[0].Retried {
		t.Errorf("kept %+v, want the one redemption", all)
	}
}
