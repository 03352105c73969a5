package live

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"wsticket/ticket"
)

const (
	// maxReplays bounds the replays that wait for [Registry.WatchReplays].
	maxReplays = 1024
	// replayTimeout bounds what is done about one.
	replayTimeout = 5 * time.Second
)

// The outcomes of an [ticket.EventTripwire].
const (
	// OutcomeReported: the ticket has opened a connection that is live.
	OutcomeReported = "reported"
	// OutcomeEnded: and the connection is being ended.
	OutcomeEnded = "ended"
	// OutcomeDropped: too many replays came at once, so nothing was done about this one.
	OutcomeDropped = "dropped"
)

// NoteReplay takes an event that may be an [ticket.EventReplay] of a redeemed ticket,
// for [Registry.WatchReplays]. It does not block, so that it can be part of a sink.
func (r *Registry) NoteReplay(ctx context.Context, e ticket.Event) {
	spent, ok := errors.AsType[*ticket.SpentError](e.Err)
	if e.Kind != ticket.EventReplay || !ok || spent.Mark.State != ticket.Redeemed {
		return
	}
	select {
	case r.replays <- e:
	default:
		r.tripped(ctx, e, OutcomeDropped, party{})
	}
}

// WatchReplays emits an [ticket.EventTripwire] for each replay of a ticket that has
// opened a connection which is live, in this process or another one. With
// Options.EndReplayed it also revokes the ticket: that ends the connection with
// [ticket.EndRevoked] wherever it is, and one that is about to open. It returns when
// ctx ends.
func (r *Registry) WatchReplays(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-r.replays:
			r.replayed(ctx, e)
		}
	}
}

func (r *Registry) replayed(ctx context.Context, e ticket.Event) {
	ctx, cancel := context.WithTimeout(ticket.WithRequest(ctx, e.Request), replayTimeout)
	defer cancel()
	first, found := r.firstParty(ctx, e.TicketID)
	outcome := OutcomeReported
	if r.o.EndReplayed {
		outcome = OutcomeEnded
		// An error is part of the event that it emits, and the effect here stays.
		_ = r.Revoke(ctx, ticket.Revocation{
			Selector: ticket.Selector{TicketID: e.TicketID}, Action: ticket.RevokeEnd,
			Source: "replay", Reason: "the ticket was presented again",
		})
	}
	if found {
		r.tripped(ctx, e, outcome, first)
	}
}

// party is who has opened a connection.
type party struct {
	Door      ticket.Door `json:"door"`
	ClientIP  string      `json:"client_ip"`
	RequestID string      `json:"request_id"`
	At        time.Time   `json:"at"`
}

const askParty = "party"

// firstParty returns who has opened the live connection of a ticket. A process that
// does not answer is as if it had none: the event is one less, and nobody is admitted.
func (r *Registry) firstParty(ctx context.Context, id ticket.ID) (party, bool) {
	all, err := r.ask(ctx, askParty, id)
	if err != nil {
		return party{}, false
	}
	for _, data := range all.By {
		var first *party
		if json.Unmarshal(data, &first) == nil && first != nil {
			return *first, true
		}
	}
	return party{}, false
}

// answerParty answers who has opened a connection of this process.
func (r *Registry) answerParty(_ context.Context, data json.RawMessage) any {
	var id ticket.ID
	if json.Unmarshal(data, &id) != nil {
		return nil
	}
	found := r.matching(ticket.Selector{TicketID: id})
	if len(found) == 0 {
		return nil
	}
	c := found[0]
	first := &party{Door: c.Presentation.Door, RequestID: c.Request.id, At: c.start}
	if c.Presentation.ClientIP.IsValid() {
		first.ClientIP = c.Presentation.ClientIP.String()
	}
	return first
}

// tripped emits the event with both parties: the one that came now as in the replay,
// and the first one in its attributes.
func (r *Registry) tripped(ctx context.Context, e ticket.Event, outcome string, first party) {
	e.Kind, e.Outcome = ticket.EventTripwire, outcome
	if first != (party{}) {
		e.Attrs = []slog.Attr{
			slog.String("first_door", string(first.Door)), slog.String("first_client_ip", first.ClientIP),
			slog.String("first_request_id", first.RequestID), slog.Time("first_at", first.At),
		}
	}
	r.o.Events.Emit(ctx, e)
}
