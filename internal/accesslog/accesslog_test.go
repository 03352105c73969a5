package accesslog_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/internal/traceparent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log collects entries.
type log []accesslog.Entry

func (l *log) sink(_ context.Context, e accesslog.Entry) { *l = append(*l, e) }

func (l *log) one(t *testing.T) accesslog.Entry {
	t.Helper()
	if len(*l) != 1 {
		t.Fatalf("got %d entries, want 1: %+v", len(*l), *l)
	}
	return (*l)[0]
}

// ticking returns a clock that advances by a second with each reading.
func ticking() func() time.Time {
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		at = at.Add(time.Second)
		return at
	}
}

func request(t *testing.T, method, target string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), method, target, nil)
}

// serve runs h behind the middleware and returns the response and its entry.
func serve(t *testing.T, r *http.Request, h http.HandlerFunc) (*httptest.ResponseRecorder, accesslog.Entry) {
	t.Helper()
	var l log
	w := httptest.NewRecorder()
	accesslog.Middleware(ticking(), l.sink, nil)(h).ServeHTTP(w, r)
	return w, l.one(t)
}

func nothing(http.ResponseWriter, *http.Request) {}

func TestEntryHoldsWhatIsKnown(t *testing.T) {
	t.Parallel()
	r := request(t, http.MethodPost, "/ws-ticket?ticket=secret")
	r.RemoteAddr = "192.0.2.1:4711"
	r.Header.Set("X-Request-Id", "r-1")
	var l log
	h := clientip.Store(clientip.Peer)(accesslog.Middleware(ticking(), l.sink, sentID)(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			*accesslog.NoteOf(r.Context()) = accesslog.Note{
				TicketID: "id", Door: "query", Outcome: "issued", Reason: "ok", Route: "/ws-ticket",
				Issuer: "https://id.example", Subject: "alice", Attrs: []slog.Attr{slog.Int("n", 1)},
			}
			if got := accesslog.RequestID(r.Context()); got != "r-1" {
				t.Errorf("request ID in the context: got %q, want \"r-1\"", got)
			}
			w.WriteHeader(http.StatusCreated)
		})))
	h.ServeHTTP(httptest.NewRecorder(), r)
	want := accesslog.Entry{
		Start: time.Date(2026, 11, 23, 0, 0, 1, 0, time.UTC), Took: time.Second,
		Method: "POST", Path: "/ws-ticket", Route: "/ws-ticket", Status: 201, Scheme: "http", RequestID: "r-1",
		ClientIP: netip.MustParseAddr("192.0.2.1"),
		TicketID: "id", Door: "query", Outcome: "issued", Reason: "ok",
		Issuer: "https://id.example", Subject: "alice", Attrs: []slog.Attr{slog.Int("n", 1)},
	}
	if got := l.one(t); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule    string
		handler http.HandlerFunc
		want    int
	}{
		{"a handler that says nothing answers 200", nothing, 200},
		{"a body without a status is 200", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }, 200},
		{"the status that was set", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 404},
		{"early hints are not the answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(401)
		}, 401},
		{"the first answer counts", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("x"))
			w.WriteHeader(500)
		}, 200},
	} {
		if _, entry := serve(t, request(t, http.MethodGet, "/"), row.handler); entry.Status != row.want {
			t.Errorf("%s: got %d, want %d", row.rule, entry.Status, row.want)
		}
	}
}

func TestAnswered(t *testing.T) {
	t.Parallel()
	for rule, begin := range map[string]func(w http.ResponseWriter){
		"a status":      func(w http.ResponseWriter) { w.WriteHeader(204) },
		"a body":        func(w http.ResponseWriter) { _, _ = w.Write([]byte("x")) },
		"a final error": func(w http.ResponseWriter) { http.Error(w, "x", 500) },
	} {
		serve(t, request(t, http.MethodGet, "/"), func(w http.ResponseWriter, r *http.Request) {
			if accesslog.Answered(r.Context()) {
				t.Errorf("before %s: got answered, want not", rule)
			}
			w.WriteHeader(http.StatusEarlyHints)
			if accesslog.Answered(r.Context()) {
				t.Errorf("early hints: got answered, want not")
			}
			begin(w)
			if !accesslog.Answered(r.Context()) {
				t.Errorf("after %s: got not answered, want answered", rule)
			}
		})
	}
}

// sentID takes every ID.
func sentID(r *http.Request) accesslog.Given {
	return accesslog.Given{RequestID: r.Header.Get("X-Request-Id"), Trace: traceparent.Pass(r.Header)}
}

// The ID is the one that is given, else a new one; answer and entry have the same.
func TestRequestID(t *testing.T) {
	t.Parallel()
	made := make(map[string]bool)
	for _, row := range []struct{ sent, later, want string }{
		{"r-1", "", "r-1"}, {"r-1", "r-2", "r-2"}, {"", "r-2", "r-2"}, {"", "", ""}, {"", "", ""},
	} {
		var l log
		w, r := httptest.NewRecorder(), request(t, http.MethodGet, "/")
		r.Header.Set("X-Request-Id", row.sent)
		accesslog.Middleware(ticking(), l.sink, sentID)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if row.later != "" {
				accesslog.KeepRequestID(w, r, row.later)
			}
			if got := accesslog.RequestID(r.Context()); got != w.Header().Get("X-Request-Id") {
				t.Errorf("%v: got %q in the context, want that of the header", row, got)
			}
		})).ServeHTTP(w, r)
		got := w.Header().Get("X-Request-Id")
		if got != l.one(t).RequestID || row.want != "" && got != row.want {
			t.Errorf("%v: got %q and entry %q", row, got, l.one(t).RequestID)
		}
		if row.want == "" && (len(got) < 16 || made[got]) {
			t.Errorf("%v: got %q, want a new random one", row, got)
		}
		made[got] = true
	}
	if _, entry := serve(t, request(t, http.MethodGet, "/"), nothing); len(entry.RequestID) < 16 {
		t.Errorf("nobody gives one: got %q, want a random one", entry.RequestID)
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	const token = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht"
	for target, want := range map[string]string{
		"/ws?ticket=" + token:                      "/ws",
		"/ws-ticket/4B8xiXBODIlsV0VSjvtzly":        "/ws-ticket/4B8xiXBODIlsV0VSjvtzly",
		"/ws-ticket/" + token:                      "/ws-ticket/[redacted]",
		"/" + token + "/x":                         "/[redacted]/x",
		"/" + strings.Repeat("a", 40):              "/" + strings.Repeat("a", 40),
		"/" + strings.Repeat("a", 41):              "/[redacted]",
		"/%0alevel=error":                          "/\nlevel=error",
		"/" + strings.Repeat("a/", 200):            "/" + strings.Repeat("a/", 127) + "a…",
		"/%ff":                                     "/\uFFFD",
		"/ws/" + strings.Repeat("%57", len(token)): "/ws/[redacted]",
	} {
		if _, entry := serve(t, request(t, http.MethodGet, target), nothing); entry.Path != want {
			t.Errorf("%s: got %q, want %q", target, entry.Path, want)
		}
	}
}

func TestMethod(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{
		"GET": "GET", "DELETE": "DELETE", "CONNECT": "CONNECT",
		"get": "OTHER", "PROPFIND": "OTHER", strings.Repeat("X", 999): "OTHER",
	} {
		r := request(t, http.MethodGet, "/")
		r.Method = method
		if _, entry := serve(t, r, nothing); entry.Method != want {
			t.Errorf("%s: got %q, want %q", method, entry.Method, want)
		}
	}
}

func TestPanicPassesAndIsNoted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule   string
		before func(http.ResponseWriter)
		want   int
	}{
		{"before an answer there is none", func(http.ResponseWriter) {}, 0},
		{"after it, it stands", func(w http.ResponseWriter) { w.WriteHeader(202) }, 202},
	} {
		var l log
		func() {
			defer func() {
				if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // A panic value is compared as it is.
					t.Errorf("%s: got panic %v, want %v", row.rule, got, http.ErrAbortHandler)
				}
			}()
			accesslog.Middleware(nil, l.sink, nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				row.before(w)
				panic(http.ErrAbortHandler)
			})).ServeHTTP(httptest.NewRecorder(), request(t, http.MethodGet, "/"))
		}()
		if got := l.one(t).Status; got != row.want {
			t.Errorf("%s: got status %d, want %d", row.rule, got, row.want)
		}
	}
}

// hijackable is a response writer whose Hijack succeeds or returns err.
type hijackable struct {
	*httptest.ResponseRecorder
	err error
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if h.err != nil {
		return nil, nil, h.err
	}
	ours, theirs := net.Pipe()
	_ = theirs.Close()
	return ours, nil, nil
}

// A hijack writes the entry at once; one that fails is no end.
func TestHijack(t *testing.T) {
	t.Parallel()
	inUse := errors.New("in use")
	for _, row := range []struct {
		cause error
		want  accesslog.Entry
	}{
		{nil, accesslog.Entry{Status: 101, Outcome: "redeemed"}},
		{inUse, accesslog.Entry{Status: 500, Outcome: "later"}},
	} {
		var l log
		accesslog.Middleware(ticking(), l.sink, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			accesslog.NoteOf(r.Context()).Outcome = "redeemed"
			if row.cause == nil {
				w.WriteHeader(http.StatusSwitchingProtocols)
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if done := row.cause == nil; !errors.Is(err, row.cause) || (len(l) == 1) != done || accesslog.Answered(r.Context()) != done {
				t.Errorf("got (%v, %d entries), want (%v, %t)", err, len(l), row.cause, done)
			}
			accesslog.NoteOf(r.Context()).Outcome = "later"
			if err != nil {
				w.WriteHeader(500)
				return
			}
			_ = conn.Close()
		})).ServeHTTP(hijackable{httptest.NewRecorder(), row.cause}, request(t, http.MethodGet, "/ws"))
		if got := l.one(t); got.Status != row.want.Status || got.Outcome != row.want.Outcome || got.Took != time.Second {
			t.Errorf("hijack with %v: got %+v, want %+v after 1 s", row.cause, got, row.want)
		}
	}
}

func TestWriterUnwraps(t *testing.T) {
	t.Parallel()
	inner := httptest.NewRecorder()
	accesslog.Middleware(nil, nil, nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok || outer.Unwrap() != inner {
			t.Errorf("got %T, want a writer around the given one", w)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: got %v, want nil", err)
		}
	})).ServeHTTP(inner, request(t, http.MethodGet, "/"))
}

func TestWithoutMiddleware(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	note := accesslog.NoteOf(ctx)
	if note == nil {
		t.Fatal("note: got nil, want one to write to")
	}
	note.Outcome = "lost"
	if got := accesslog.NoteOf(ctx).Outcome; got != "" {
		t.Errorf("note: got outcome %q, want a fresh one", got)
	}
	if got := accesslog.RequestID(ctx); got != "" {
		t.Errorf("request ID: got %q, want none", got)
	}
	if accesslog.Answered(ctx) {
		t.Error("answered: got true, want false")
	}
	w := httptest.NewRecorder()
	accesslog.KeepRequestID(w, request(t, http.MethodGet, "/"), "r-1")
	if got := w.Header().Get("X-Request-Id"); got != "" {
		t.Errorf("kept %q, want nothing set", got)
	}
}

// The entry has the trace of the request, which a caller that is no stranger may have
// recorded.
func TestTrace(t *testing.T) {
	t.Parallel()
	const line = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	never := func(r *http.Request) accesslog.Given {
		return accesslog.Given{Trace: traceparent.Begin(r.Header, func() bool { return false })}
	}
	for _, trusted := range []bool{false, true} {
		var l log
		r := request(t, http.MethodGet, "/")
		r.Header.Set("Traceparent", line)
		accesslog.Middleware(nil, l.sink, never)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if trusted {
				accesslog.TrustTrace(r.Context())
			}
			if got := accesslog.TraceOf(r.Context()); got.Sampled() != trusted {
				t.Errorf("trusted %v: got %+v in the context", trusted, got)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
		if got := l.one(t).Trace; got.Sampled() != trusted || got.TraceID != line[3:35] || got.Parent != line[36:52] {
			t.Errorf("trusted %v: got the entry %+v", trusted, got)
		}
	}
	accesslog.TrustTrace(t.Context())
	if got := accesslog.TraceOf(t.Context()); got != (traceparent.Span{}) {
		t.Errorf("without the middleware: got %+v", got)
	}
}
