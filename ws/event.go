package ws

import (
	"context"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// HandshakeEvent is what became of a handshake whose access log entry says
// that it is pending. It holds no secret.
type HandshakeEvent struct {
	Door Door
	// TicketID is that of the ticket or of the connection, empty where
	// neither is known.
	TicketID ticket.ID
	// Outcome is "connected", "refused" or "error".
	Outcome string
	// Reason is a word of few, "ok" for what is connected.
	Reason string
}

// settled writes down what became of a handshake that was pending.
func (h *Handler) settled(ctx context.Context, door Door, id ticket.ID, err error) {
	outcome, reason := verdict(err)
	e := HandshakeEvent{Door: door, TicketID: id, Outcome: outcome, Reason: reason}
	h.options.Logger.InfoContext(ctx, "handshake settled", "request_id", accesslog.RequestID(ctx),
		"id", e.TicketID, "door", e.Door, "outcome", e.Outcome, "reason", e.Reason)
	h.options.Observe(ctx, e)
}
