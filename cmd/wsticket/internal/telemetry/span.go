package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// Record makes a span of an event, if its request is recorded: one of the request
// itself, which for a handshake ends at its 101, and below it one for each issue and
// redemption. The span of a handshake has a link to that in which its ticket was
// issued. A span has no query, no header and no user. Record does not block.
func (x *Exporter) Record(ctx context.Context, e *ticket.Event) {
	if !e.Request.Sampled || e.Request.SpanID == "" {
		return
	}
	trace, noTrace := hex.DecodeString(e.Request.TraceID)
	own, noSpan := hex.DecodeString(e.Request.SpanID)
	if noTrace != nil || noSpan != nil {
		return
	}
	span := &tracepb.Span{
		TraceId: trace, StartTimeUnixNano: nanos(e.At), EndTimeUnixNano: nanos(e.At.Add(e.Duration)), Flags: sampledFlag,
		Attributes: words("wsticket.ticket_id", string(e.TicketID), "wsticket.door", string(e.Presentation.Door), "wsticket.reason", e.Reason),
	}
	note := accesslog.NoteOf(ctx)
	switch {
	case e.Kind == ticket.EventRequest:
		span.SpanId = own
		span.ParentSpanId, _ = hex.DecodeString(accesslog.TraceOf(ctx).Parent)
		answered(span, e)
		link(span, note.Issue)
	case e.Action == ticket.ActionIssue || e.Action == ticket.ActionRedeem:
		span.SpanId, span.ParentSpanId = newSpanID(), own
		acted(span, e)
		link(span, e.Issue)
		if e.Issue != (ticket.SpanRef{}) {
			note.Issue = e.Issue
		}
	default:
		return
	}
	x.add(span)
}

// sampledFlag is that of W3C Trace Context, in the flags of a span or link.
const sampledFlag = 1

func (x *Exporter) add(span *tracepb.Span) {
	select {
	case x.queue <- span:
	default:
		x.spansDropped.Add(1)
	}
}

func newSpanID() []byte {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	return id
}

// answered completes the span of a request by the semantic conventions for HTTP
// servers.
func answered(span *tracepb.Span, e *ticket.Event) {
	method, name := e.HTTP.Method, e.HTTP.Method
	if method == "OTHER" {
		method, name = "_OTHER", "HTTP"
	}
	span.Kind, span.Name = tracepb.Span_SPAN_KIND_SERVER, strings.TrimSpace(name+" "+e.HTTP.Route)
	span.Attributes = append(span.Attributes, words(
		"http.request.method", method, "http.route", e.HTTP.Route, "url.path", e.HTTP.Path, "url.scheme", e.HTTP.Scheme,
		"wsticket.outcome", e.Outcome, "wsticket.request_id", e.Request.ID, "wsticket.caller", e.Request.Caller)...)
	if e.Request.ClientIP.IsValid() {
		span.Attributes = append(span.Attributes, text("client.address", e.Request.ClientIP.String()))
	}
	if e.HTTP.Status != 0 {
		span.Attributes = append(span.Attributes, number("http.response.status_code", int64(e.HTTP.Status)))
	}
	if e.HTTP.Status >= http.StatusInternalServerError || e.HTTP.Status == 0 {
		kind := "aborted"
		if e.HTTP.Status != 0 {
			kind = strconv.Itoa(e.HTTP.Status)
		}
		span.Attributes = append(span.Attributes, text("error.type", kind))
		span.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
	}
}

// acted completes the span of an issue or a redemption. A refusal is no error of ours.
func acted(span *tracepb.Span, e *ticket.Event) {
	span.Kind, span.Name = tracepb.Span_SPAN_KIND_INTERNAL, "wsticket."+string(e.Action)
	span.Attributes = append(span.Attributes, words("wsticket.audience", e.Presentation.Audience)...)
	if e.Retried {
		span.Attributes = append(span.Attributes, &commonpb.KeyValue{
			Key: "wsticket.retried", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}},
		})
	}
	if e.Reason == ticket.Reason(ticket.ErrUnavailable) {
		span.Attributes = append(span.Attributes, text("error.type", e.Reason))
		span.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
	}
}

// link links a span to that of an issue, if there is one.
func link(span *tracepb.Span, to ticket.SpanRef) {
	if to != (ticket.SpanRef{}) {
		span.Links = append(span.Links, &tracepb.Span_Link{
			TraceId: to.TraceID(), SpanId: to.SpanID(), Flags: sampledFlag, Attributes: words("wsticket.link", "issue"),
		})
	}
}

func nanos(t time.Time) uint64 { return uint64(max(0, t.UnixNano())) }

// words returns attributes from names and values by turns, without empty values. What a
// client has written into a value is made printable, and so UTF-8.
func words(pairs ...string) []*commonpb.KeyValue {
	var all []*commonpb.KeyValue
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, text(pairs[i], pairs[i+1]))
		}
	}
	return all
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: ticket.Escape(value)}}}
}

func number(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}
