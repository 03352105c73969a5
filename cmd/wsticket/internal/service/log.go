package service

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/netip"
	"strings"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/ticket"
)

// newLogger writes to out as the configuration says.
func newLogger(cfg config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	// An unknown level is reported as a fault of the settings. Until then it is
	// info.
	_ = level.UnmarshalText([]byte(cfg.Level))
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "text" {
		return slog.New(slog.NewTextHandler(out, options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
}

// logEvent writes the log line of an event. Requests, replays, retries,
// handshakes that are settled after their 101, and closed connections have one.
// The others are part of a request and appear in its line.
func logEvent(ctx context.Context, to *slog.Logger, e *ticket.Event) {
	attrs := make([]slog.Attr, 0, 12) // has room for all, so that it stays on the stack
	switch firstMessage := e.Presentation.Door == ticket.DoorFirstMessage; {
	case e.Kind == ticket.EventRequest:
		to.LogAttrs(ctx, slog.LevelInfo, "request", appendFacts(ctx, to, appendRequest(attrs, e), e)...)
	case e.Kind == ticket.EventReplay:
		to.LogAttrs(ctx, slog.LevelWarn, "replay", appendReplay(appendPresentation(attrs, e), e)...)
	case e.Kind == ticket.EventRedeem && e.Retried:
		to.LogAttrs(ctx, slog.LevelInfo, "retry", append(appendPresentation(attrs, e), slog.String("attempt", e.Presentation.Attempt))...)
	case e.Kind == ticket.EventConnect && firstMessage, e.AfterUpgrade:
		attrs = appendWords(appendPresentation(attrs, e), "outcome", e.Outcome, "reason", e.Reason)
		to.LogAttrs(ctx, slog.LevelInfo, "handshake settled", appendFacts(ctx, to, attrs, e)...)
	case e.Kind == ticket.EventDisconnect:
		to.LogAttrs(ctx, slog.LevelInfo, "connection closed", appendClosed(appendPresentation(attrs, e), e)...)
	}
}

// appendRequest adds a request, with its path but never its query.
func appendRequest(attrs []slog.Attr, e *ticket.Event) []slog.Attr {
	attrs = append(attrs,
		slog.String("method", e.HTTP.Method), slog.String("path", e.HTTP.Path), slog.Int("status", e.HTTP.Status),
		slog.Duration("took", e.Duration), slog.String("request_id", e.Request.ID))
	attrs = appendAddr(attrs, e.Request.ClientIP)
	if e.HTTP.Route != e.HTTP.Path {
		attrs = append(attrs, slog.String("route", e.HTTP.Route))
	}
	return appendWords(attrs, "caller", e.Request.Caller, "ticket_id", string(e.TicketID),
		"door", string(e.Presentation.Door), "outcome", e.Outcome, "reason", e.Reason)
}

// appendPresentation adds the request, the ticket and the presentation of an
// event.
func appendPresentation(attrs []slog.Attr, e *ticket.Event) []slog.Attr {
	attrs = appendWords(attrs, "request_id", e.Request.ID, "caller", e.Request.Caller,
		"ticket_id", string(e.TicketID), "door", string(e.Presentation.Door))
	return appendAddr(attrs, e.Presentation.ClientIP)
}

// appendReplay adds which attempt has spent the ticket, and when.
func appendReplay(attrs []slog.Attr, e *ticket.Event) []slog.Attr {
	attrs = append(attrs, slog.String("attempt", e.Presentation.Attempt))
	if spent, ok := errors.AsType[*ticket.SpentError](e.Err); ok {
		attrs = append(attrs, slog.String("state", string(spent.Mark.State)), slog.Time("spent_at", spent.Mark.At),
			slog.String("spent_by_attempt", spent.Mark.Attempt))
	}
	return attrs
}

// appendClosed adds how the connection ended, and what was relayed.
func appendClosed(attrs []slog.Attr, e *ticket.Event) []slog.Attr {
	attrs = append(attrs, slog.Duration("duration", e.Duration),
		slog.Int("close_code", int(e.Closed.Code)), slog.String("by", e.Closed.By))
	if e.Closed.Relayed {
		attrs = append(attrs, traffic("from_client", e.Closed.FromClient), traffic("from_upstream", e.Closed.FromUpstream))
	}
	return attrs
}

func traffic(name string, t ticket.Traffic) slog.Attr {
	return slog.GroupAttrs(name, slog.Uint64("messages", t.Messages), slog.Uint64("bytes", t.Bytes))
}

// appendFacts adds what did not fit. What it was compared with is for the debug
// level, because it may be long.
func appendFacts(ctx context.Context, to *slog.Logger, attrs []slog.Attr, e *ticket.Event) []slog.Attr {
	for _, a := range e.Attrs {
		if a.Key != ticket.ExpectedKey || to.Enabled(ctx, slog.LevelDebug) {
			attrs = append(attrs, a)
		}
	}
	return attrs
}

func appendAddr(attrs []slog.Attr, addr netip.Addr) []slog.Attr {
	if !addr.IsValid() {
		return attrs
	}
	return append(attrs, slog.String("client_ip", addr.String()))
}

// appendWords takes names and values by turns, and leaves out empty values.
func appendWords(attrs []slog.Attr, pairs ...string) []slog.Attr {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			attrs = append(attrs, slog.String(pairs[i], pairs[i+1]))
		}
	}
	return attrs
}

// serverErrors takes what net/http logs about broken requests. It may contain
// parts of a request, so only the kind of the fault is logged.
type serverErrors struct{ to *slog.Logger }

func (s serverErrors) Write(line []byte) (int, error) {
	kind := "server"
	for prefix, name := range map[string]string{
		"http: TLS handshake error": "tls_handshake",
		"http: Accept error":        "accept",
		"http: panic serving":       "panic",
	} {
		if strings.HasPrefix(string(line), prefix) {
			kind = name
		}
	}
	s.to.Warn("http server", "fault", kind)
	return len(line), nil
}

func errorLog(to *slog.Logger) *log.Logger { return log.New(serverErrors{to}, "", 0) }
