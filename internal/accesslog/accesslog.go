// Package accesslog reports each HTTP request once, with its outcome, and gives
// each request an ID.
//
// An [Entry] contains no query, no header but User-Agent, and no body, so it carries neither a
// ticket nor a bearer into a log (ASVS 14.2.1, 16.2.5).
package accesslog

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"wsticket/internal/clientip"
	"wsticket/internal/traceparent"
)

// Entry is what is logged about one request.
type Entry struct {
	Start time.Time
	Took  time.Duration
	// Method is "OTHER" if it is not one of the methods of net/http.
	Method string
	// Path is the path of the URL, never its query. A segment that is long enough
	// to be a credential is replaced by "[redacted]".
	Path string
	// Route is the pattern that matched, empty if none did.
	Route string
	// Status is 101 for an upgraded request, and 0 if the handler was aborted
	// before it answered.
	Status int
	// Scheme is "https" if the request came to this process by TLS, else "http".
	Scheme    string
	RequestID string
	Trace     traceparent.Span
	// ClientIP is the address that package clientip has determined. It is only
	// known if that package's middleware runs before this one.
	ClientIP netip.Addr
	// UserAgent is the header of that name, cut to 256 bytes and otherwise as it came.
	UserAgent string
	// The handler sets the rest through its [Note].
	TicketID string
	Door     string
	Issuer   string
	Subject  string
	Caller   string
	Outcome  string
	Reason   string
	Attrs    []slog.Attr
}

// Note is what a handler adds to the entry of its request. Only the goroutine
// that serves the request may use it.
type Note struct {
	// TicketID is the public ID, never the token.
	TicketID string
	// Door is where the credential was, for example "query" or "header".
	Door string
	// Issuer and Subject name the user, once known.
	Issuer, Subject string
	// Caller is the configured name of the calling program, for example "key:chat",
	// or empty.
	Caller string
	// Outcome and Reason are words from a fixed set, not free text.
	Outcome string
	Reason  string
	// Attrs say more about Reason: the values that did not fit, made printable
	// by ticket.WithAttrs.
	Attrs []slog.Attr
	// Route is the pattern that matched.
	Route string
	// Told reports whether something else than the entry has told of a refusal.
	Told bool
	// Issue names the span in which the ticket of the request was issued: the IDs of
	// its trace and of itself.
	Issue [24]byte
}

type contextKey struct{}

// record is the value in the context of a request.
type record struct {
	entry    Entry // incomplete: without the note and the response
	note     Note
	answered bool // the response has begun
}

// NoteOf returns the note of the request. It is never nil. If the request did not
// come through [Middleware], the note is a new one that nobody reads.
func NoteOf(ctx context.Context) *Note {
	if rec, ok := ctx.Value(contextKey{}).(*record); ok {
		return &rec.note
	}
	return new(Note)
}

// RequestID returns the ID of the request. It is empty if the request did not
// come through [Middleware].
func RequestID(ctx context.Context) string {
	if rec, ok := ctx.Value(contextKey{}).(*record); ok {
		return rec.entry.RequestID
	}
	return ""
}

// TraceOf returns where the request is in a trace. It is zero if the request did not
// come through [Middleware].
func TraceOf(ctx context.Context) traceparent.Span {
	if rec, ok := ctx.Value(contextKey{}).(*record); ok {
		return rec.entry.Trace
	}
	return traceparent.Span{}
}

// TrustTrace has the request recorded as its caller wants it, who has proved to be
// no stranger. It does nothing if the request did not come through [Middleware].
func TrustTrace(ctx context.Context) {
	if rec, ok := ctx.Value(contextKey{}).(*record); ok {
		rec.entry.Trace = rec.entry.Trace.Trusting()
	}
}

// UserAgent returns the User-Agent of the request, as its [Entry] has it. It is empty if
// the request did not come through [Middleware].
func UserAgent(ctx context.Context) string {
	if rec, ok := ctx.Value(contextKey{}).(*record); ok {
		return rec.entry.UserAgent
	}
	return ""
}

// Answered reports whether the response has begun or the connection was hijacked,
// so that it is too late for another response. It is false if the request did not
// come through [Middleware].
func Answered(ctx context.Context) bool {
	rec, ok := ctx.Value(contextKey{}).(*record)
	return ok && rec.answered
}

// KeepRequestID makes id the ID of the request, in its entry and in the header of
// its response, which must not have begun. It does nothing if the request did not
// come through [Middleware].
func KeepRequestID(w http.ResponseWriter, r *http.Request, id string) {
	if rec, ok := r.Context().Value(contextKey{}).(*record); ok {
		rec.entry.RequestID = id
		w.Header().Set(requestIDHeader, id)
	}
}

// KeepClient makes addr the client in the entry of the request: the one that a proxy
// asks about. It does nothing if the request did not come through [Middleware].
func KeepClient(ctx context.Context, addr netip.Addr) {
	if rec, ok := ctx.Value(contextKey{}).(*record); ok {
		rec.entry.ClientIP = addr
	}
}

// Given is what is known of a request before it is served.
type Given struct {
	RequestID string
	Trace     traceparent.Span
}

// Middleware gives each request an ID, which it also sets as X-Request-Id of the
// response, and calls sink once for each request: when the handler returns or
// panics, or when it hijacks the connection. Panics are passed on. The sink must
// not block. If now is nil, time.Now is used. If sink is nil, nothing is reported.
//
// given returns what is known of a request before. If it has no ID, or given is nil,
// that is a new random one.
func Middleware(
	now func() time.Time, sink func(context.Context, Entry), given func(*http.Request) Given,
) func(http.Handler) http.Handler {
	if now == nil {
		now = time.Now
	}
	if sink == nil {
		sink = func(context.Context, Entry) {}
	}
	if given == nil {
		given = func(*http.Request) Given { return Given{} }
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			before := given(r)
			id := cmp.Or(before.RequestID, rand.Text())
			// Handlers may change the request, so it is read before they run.
			out := &writer{ResponseWriter: w, now: now, sink: sink, record: record{entry: Entry{
				Start: now(), Method: method(r.Method), Path: CleanPath(r.URL.Path),
				Scheme: scheme(r), RequestID: id, Trace: before.Trace, ClientIP: clientip.From(r.Context()), UserAgent: shortened(r.UserAgent()),
			}}}
			out.ctx = context.WithValue(r.Context(), contextKey{}, &out.record)
			w.Header().Set(requestIDHeader, id)
			defer out.finish()
			next.ServeHTTP(out, r.WithContext(out.ctx))
			out.served = true
		})
	}
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

const maxUserAgent = 256

// shortened returns at most the first 256 bytes of a header, without the memory of the
// rest, which may be kept for as long as an event.
func shortened(text string) string {
	if len(text) <= maxUserAgent {
		return text
	}
	return strings.Clone(text[:maxUserAgent])
}

const requestIDHeader = "X-Request-Id"
