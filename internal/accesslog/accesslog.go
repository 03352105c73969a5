// Package accesslog tells what came in and what became of it, once for each
// request, and gives each request its ID.
//
// An [Entry] holds no query, no header and no body, so neither a ticket nor a
// bearer gets into a log through it (ASVS 14.2.1, 16.2.5).
package accesslog

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"time"

	"wsticket/internal/clientip"
)

// Entry is what is written down about one request.
type Entry struct {
	Start time.Time
	Took  time.Duration
	// Method is "OTHER" where it is none of the registered ones.
	Method string
	// Path is that of the URL and never its query. A part of it that is long
	// enough to be a credential is replaced by "[redacted]".
	Path string
	// Route is the pattern that matched, empty where none did.
	Route string
	// Status is 101 for an upgraded request, and 0 where the handler was
	// aborted before it answered.
	Status    int
	RequestID string
	// ClientIP is what package clientip knows, when its middleware stands
	// before this one.
	ClientIP netip.Addr
	// The rest is from the [Note] of the handler.
	TicketID string
	Door     string
	Caller   string
	Outcome  string
	Reason   string
}

// Note is what a handler adds about its request. It belongs to the goroutine
// that serves the request.
type Note struct {
	// TicketID is the public ID, never the token.
	TicketID string
	// Door names the way in, for example "query" or "header".
	Door string
	// Caller names the program that called, where it has a name by
	// configuration, for example "key:chat".
	Caller string
	// Outcome and Reason are words of a fixed set, not texts.
	Outcome string
	Reason  string
	// Route is the pattern that matched.
	Route string
}

type contextKey struct{}

// record is what the context of a request carries.
type record struct {
	entry    Entry // without what the note and the answer say
	note     Note
	answered bool // the answer is begun
}

// NoteOf returns the note of the request. It is never nil; what is written to
// the note of a request that did not come through [Middleware] is lost.
func NoteOf(ctx context.Context) *Note {
	if rec, ok := ctx.Value(contextKey{}).(*record); ok {
		return &rec.note
	}
	return new(Note)
}

// RequestID returns the ID of the request, empty where it did not come
// through [Middleware].
func RequestID(ctx context.Context) string {
	if rec, ok := ctx.Value(contextKey{}).(*record); ok {
		return rec.entry.RequestID
	}
	return ""
}

// Answered tells whether the answer is begun or the connection hijacked, so
// that it is too late to answer anything else. It is false where the request
// did not come through [Middleware].
func Answered(ctx context.Context) bool {
	rec, ok := ctx.Value(contextKey{}).(*record)
	return ok && rec.answered
}

// Middleware gives each request an ID, which it also sets as X-Request-Id of
// the answer, and calls sink once for each: when the handler is done, or at
// the moment of a successful Hijack. Panics pass through it and are noted.
// The sink must not block. A nil clock is time.Now, a nil sink is none.
func Middleware(now func() time.Time, sink func(context.Context, Entry)) func(http.Handler) http.Handler {
	if now == nil {
		now = time.Now
	}
	if sink == nil {
		sink = func(context.Context, Entry) {}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// What handlers may replace in the request is taken from it before
			// they run.
			out := &writer{ResponseWriter: w, now: now, sink: sink, record: record{entry: Entry{
				Start: now(), Method: method(r.Method), Path: cleanPath(r.URL.Path),
				RequestID: requestID(r.Header), ClientIP: clientip.From(r.Context()),
			}}}
			out.ctx = context.WithValue(r.Context(), contextKey{}, &out.record)
			w.Header().Set(requestIDHeader, out.entry.RequestID)
			defer out.finish()
			next.ServeHTTP(out, r.WithContext(out.ctx))
			out.served = true
		})
	}
}

const (
	requestIDHeader = "X-Request-Id"
	maxRequestID    = 64
)

// requestID takes over the ID that came in where it is a single short word,
// so that nobody can write lines or fields into a log with it (ASVS 16.4.1).
// Any other request gets an ID of its own.
func requestID(h http.Header) string {
	if in := h[requestIDHeader]; len(in) == 1 && isRequestID(in[0]) {
		return in[0]
	}
	return rand.Text()
}

func isRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
