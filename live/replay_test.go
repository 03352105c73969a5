package live_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// replayOf is the event of a second presentation of a ticket.
func replayOf(id ticket.ID, state ticket.State) ticket.Event {
	return ticket.Event{
		Kind: ticket.EventReplay, Action: ticket.ActionRedeem, TicketID: id, Request: ticket.RequestInfo{ID: "second"},
		Presentation: ticket.Presentation{Door: ticket.DoorHeader, ClientIP: netip.MustParseAddr("203.0.113.9")},
		Err:          &ticket.SpentError{Mark: ticket.Mark{State: state}},
	}
}

// TestReplays: a replay of a live connection's ticket is an event with both parties,
// and ends the connection where that is on. Other replays are not.
func TestReplays(t *testing.T) {
	t.Parallel()
	for _, ends := range []bool{false, true} {
		b := newBench(t, live.Options{EndReplayed: ends})
		p := b.open(t, "one", &peer{polite: true})
		ctx, stop := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() { // ends with ctx
			b.WatchReplays(ctx)
			close(watched)
		}()
		b.NoteReplay(ctx, ticket.Event{Kind: ticket.EventRedeem, TicketID: "one"})
		b.NoteReplay(ctx, replayOf("one", ticket.Revoked))
		b.NoteReplay(ctx, replayOf("unknown", ticket.Redeemed))
		b.NoteReplay(ctx, replayOf("one", ticket.Redeemed))
		e := b.events.Await(t, "the tripwire", test.Kind(ticket.EventTripwire))
		stop()
		<-watched
		want, endings := live.OutcomeReported, []ticket.Ending(nil)
		if ends {
			want, endings = live.OutcomeEnded, []ticket.Ending{ticket.EndRevoked}
		}
		if e.Outcome != want || e.TicketID != "one" || e.Request.ID != "second" || e.Presentation.Door != ticket.DoorHeader {
			t.Errorf("end=%t: got %+v, want %s of the second party", ends, e, want)
		}
		first := make(map[string]string)
		for _, a := range e.Attrs {
			first[a.Key] = a.Value.String()
		}
		if first["first_door"] != "query" || first["first_request_id"] != "request" || first["first_at"] == "" {
			t.Errorf("end=%t: got %v, want the first party", ends, first)
		}
		if n := b.events.Count(ticket.EventTripwire); n != 1 {
			t.Errorf("end=%t: got %d events, want one", ends, n)
		}
		if got := p.endings(); !slices.Equal(got, endings) {
			t.Errorf("end=%t: ended with %v, want %v", ends, got, endings)
		}
		p.leave(1000)
	}
}

// TestReplayBeforeItsConnection: a ticket that is replayed between its redemption and
// the 101 opens nothing.
func TestReplayBeforeItsConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{EndReplayed: true})
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { // ends with ctx
		b.WatchReplays(ctx)
		close(watched)
	}()
	marker := b.open(t, "marker", &peer{polite: true})
	b.NoteReplay(ctx, replayOf("late", ticket.Redeemed))
	b.NoteReplay(ctx, replayOf("marker", ticket.Redeemed)) // comes after it
	b.events.Await(t, "the tripwire", test.Kind(ticket.EventTripwire))
	stop()
	<-watched
	marker.leave(1000)
	leave, _ := b.Enter()
	defer leave()
	late := &live.Connection{Grant: ticket.Grant{ID: "late", Identity: test.Alice()}}
	if err := b.Add(t.Context(), late); ticket.Reason(err) != "bearer_revoked" {
		t.Errorf("got %v, want a connection that is refused", err)
	}
}

// TestReplaysAreBounded: what is one too many is counted, and nobody waits.
func TestReplaysAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{})
	for range 1025 {
		b.NoteReplay(t.Context(), replayOf("one", ticket.Redeemed))
	}
	e, ok := b.events.Find(test.Kind(ticket.EventTripwire))
	if !ok || e.Outcome != live.OutcomeDropped || b.events.Count(ticket.EventTripwire) != 1 {
		t.Errorf("got %+v, want one that is dropped", e)
	}
}
