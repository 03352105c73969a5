package ws

import (
	"context"
	"log/slog"

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
	attrs := []slog.Attr{
		slog.String("request_id", accesslog.RequestID(ctx)), slog.String("door", string(door)),
		slog.String("outcome", outcome), slog.String("reason", reason),
	}
	if id != "" {
		attrs = append(attrs, slog.String("ticket_id", string(id)))
	}
	h.options.Logger.LogAttrs(ctx, slog.LevelInfo, "handshake settled", attrs...)
	h.options.Observe(ctx, HandshakeEvent{Door: door, TicketID: id, Outcome: outcome, Reason: reason})
}
