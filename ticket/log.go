package ticket

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
)

// LogSink returns a sink that writes the log of the service. Requests, replays,
// tripwires, retries, handshakes that are settled after their 101, and closed connections
// have a line each. The other events are part of a request and appear in its
// line. What a refused value was compared with is logged at the debug level.
//
// Give the sink to the Events of every part, so that nothing is missing.
func LogSink(to *slog.Logger) Sink {
	return func(ctx context.Context, e Event) { logEvent(ctx, to, &e) }
}

func logEvent(ctx context.Context, to *slog.Logger, e *Event) {
	attrs := make([]slog.Attr, 0, 14) // has room for all, so that it stays on the stack
	switch firstMessage := e.Presentation.Door == DoorFirstMessage; {
	case e.Kind == EventRequest:
		to.LogAttrs(ctx, slog.LevelInfo, "request", appendFacts(ctx, to, appendRequest(attrs, e), e)...)
	case e.Revocation != nil:
		to.LogAttrs(ctx, slog.LevelInfo, "revocation", appendFacts(ctx, to, appendRevocation(attrs, e), e)...)
	case e.Kind == EventReplay:
		to.LogAttrs(ctx, slog.LevelWarn, "replay", appendReplay(appendPresentation(attrs, e), e)...)
	case e.Kind == EventRecheck && e.Outcome != "kept":
		attrs = appendWords(appendPresentation(attrs, e), "outcome", e.Outcome)
		to.LogAttrs(ctx, slog.LevelInfo, "session checked again", appendFacts(ctx, to, attrs, e)...)
	case e.Kind == EventTripwire:
		attrs = appendWords(appendPresentation(attrs, e), "outcome", e.Outcome)
		to.LogAttrs(ctx, slog.LevelWarn, "replay of a live connection's ticket", appendFacts(ctx, to, attrs, e)...)
	case e.Kind == EventRedeem && e.Retried:
		to.LogAttrs(ctx, slog.LevelInfo, "retry", append(appendPresentation(attrs, e), word("attempt", e.Presentation.Attempt))...)
	case e.Kind == EventConnect && firstMessage, e.AfterUpgrade:
		attrs = appendWords(appendPresentation(attrs, e), "outcome", e.Outcome, "reason", e.Reason)
		to.LogAttrs(ctx, slog.LevelInfo, "handshake settled", appendFacts(ctx, to, attrs, e)...)
	case e.Kind == EventDisconnect:
		to.LogAttrs(ctx, slog.LevelInfo, "connection closed", appendClosed(appendPresentation(attrs, e), e)...)
	}
}

// appendRequest adds a request, with its path but never its query.
func appendRequest(attrs []slog.Attr, e *Event) []slog.Attr {
	attrs = append(attrs,
		word("method", e.HTTP.Method), word("path", e.HTTP.Path), slog.Int("status", e.HTTP.Status),
		slog.Duration("took", e.Duration), word("request_id", e.Request.ID))
	attrs = appendWords(attrs, "trace_id", e.Request.TraceID)
	attrs = appendAddr(attrs, e.Request.ClientIP)
	if e.HTTP.Route != e.HTTP.Path {
		attrs = appendWords(attrs, "route", e.HTTP.Route)
	}
	return appendWords(attrs, "caller", e.Request.Caller, "ticket_id", string(e.TicketID),
		"door", string(e.Presentation.Door), "outcome", e.Outcome, "reason", e.Reason)
}

// appendPresentation adds the request, the ticket and the presentation of an
// event.
func appendPresentation(attrs []slog.Attr, e *Event) []slog.Attr {
	attrs = appendWords(attrs, "request_id", e.Request.ID, "trace_id", e.Request.TraceID, "caller", e.Request.Caller,
		"ticket_id", string(e.TicketID), "door", string(e.Presentation.Door))
	return appendAddr(attrs, e.Presentation.ClientIP)
}

// appendReplay adds which attempt has spent the ticket, and when.
func appendReplay(attrs []slog.Attr, e *Event) []slog.Attr {
	attrs = append(attrs, word("attempt", e.Presentation.Attempt))
	if spent, ok := errors.AsType[*SpentError](e.Err); ok {
		attrs = append(attrs, slog.String("state", string(spent.Mark.State)), slog.Time("spent_at", spent.Mark.At),
			word("spent_by_attempt", spent.Mark.Attempt))
	}
	return attrs
}

// appendRevocation adds what was revoked: how it is named, and no name but that of a
// ticket.
func appendRevocation(attrs []slog.Attr, e *Event) []slog.Attr {
	v := e.Revocation
	attrs = appendWords(attrs, "request_id", e.Request.ID, "trace_id", e.Request.TraceID, "caller", e.Request.Caller, "ticket_id", string(e.TicketID),
		"revocation", v.ID, "by", v.Kind(), "action", string(v.Action), "source", v.Source, "why", v.Reason, "reason", e.Reason)
	if v.TicketID != "" || v.Before.IsZero() {
		return attrs
	}
	return append(attrs, slog.Time("before", v.Before))
}

// appendClosed adds how the connection ended, and what was relayed.
func appendClosed(attrs []slog.Attr, e *Event) []slog.Attr {
	attrs = append(attrs, slog.Duration("duration", e.Duration),
		slog.Int("close_code", int(e.Closed.Code)), slog.String("by", e.Closed.By))
	attrs = appendWords(attrs, "fault", e.Closed.Fault, "fault_by", e.Closed.FaultBy)
	if e.Closed.Relayed {
		attrs = append(attrs, traffic("from_client", e.Closed.FromClient), traffic("from_upstream", e.Closed.FromUpstream))
	}
	return attrs
}

func traffic(name string, t Traffic) slog.Attr {
	return slog.GroupAttrs(name, slog.Uint64("messages", t.Messages), slog.Uint64("bytes", t.Bytes))
}

// appendFacts adds what did not fit. What it was compared with is for the debug
// level, because it may be long.
func appendFacts(ctx context.Context, to *slog.Logger, attrs []slog.Attr, e *Event) []slog.Attr {
	for _, a := range e.Attrs {
		if a.Key != ExpectedKey || to.Enabled(ctx, slog.LevelDebug) {
			attrs = append(attrs, EscapeAttr(a))
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

// word is a text that a stranger may have written.
func word(key, text string) slog.Attr { return slog.String(key, Escape(text)) }

// EscapeAttr returns an attribute whose texts are escaped by [Escape]: of a string,
// of a list of strings, and of an error.
func EscapeAttr(a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Escape(a.Value.String()))
	case slog.KindAny:
		a.Value = escapeAny(a.Value)
	default: // has no text
	}
	return a
}

func escapeAny(v slog.Value) slog.Value {
	switch value := v.Any().(type) {
	case error:
		return slog.StringValue(Escape(value.Error()))
	case []string:
		if slices.ContainsFunc(value, func(text string) bool { return strings.ContainsFunc(text, isHidden) }) {
			return slog.AnyValue(escapeAll(value))
		}
	}
	return v
}

func escapeAll(texts []string) []string {
	all := make([]string, len(texts))
	for n, text := range texts {
		all[n] = Escape(text)
	}
	return all
}

// appendWords takes names and values by turns, and leaves out empty values.
func appendWords(attrs []slog.Attr, pairs ...string) []slog.Attr {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			attrs = append(attrs, word(pairs[i], pairs[i+1]))
		}
	}
	return attrs
}
