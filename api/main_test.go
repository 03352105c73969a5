package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/api"
	"wsticket/internal/accesslog"
	"wsticket/internal/origin"
	"wsticket/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	host   = "api.example.com"
	page   = "https://app.example.com"
	good   = "Bearer good"   // of alice, until an hour after noon
	other  = "Bearer other"  // of bob, as long
	short  = "Bearer short"  // of alice, for another 4.9 s
	scarce = "Bearer scarce" // of alice, for another 20.9 s
)

// keySet is what an application reads.
const keySet = `{"keys":[{"alg":"EdDSA","crv":"Ed25519","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","kty":"OKP",` +
	`"use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

// noon is the time of every test.
func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// house is a Server with what it stands on.
type house struct {
	*api.Server
	store    mapStore
	sessions bool // whether it answers session cookies

	mu      sync.Mutex
	entries []accesslog.Entry
	logged  strings.Builder
}

// newHouse returns a Server with a real ticket.Service behind it. edit may
// change the options.
func newHouse(tb testing.TB, edit func(*api.Options)) *house {
	tb.Helper()
	h := &house{store: mapStore{}}
	service, err := ticket.New(ticket.Options{Store: h.store, Audiences: []string{"chat", "feed"}, Now: noon})
	if err != nil {
		tb.Fatal(err)
	}
	o := api.Options{
		Issuer: service, Receipts: service, Authenticator: authenticate(bearers),
		Origins: origins(tb, page, "http://localhost:5173"), Hosts: hosts(tb, host),
		WebSocket: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) }),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = w.Write([]byte("wsticket_up 1\n"))
		}),
		Redeemer: service, Keys: keyring(keys), Audiences: []string{"chat", "feed"}, AllowMissingOrigin: true,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		KeySet:         []byte(keySet), Sink: h.sink, Logger: slog.New(slog.NewJSONHandler(h, nil)), Now: noon,
	}
	if edit != nil {
		edit(&o)
	}
	h.sessions = o.Sessions != nil
	h.Server, err = api.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func (h *house) sink(_ context.Context, e accesslog.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, e)
}

// Write takes what the logger prints.
func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logged.Write(p)
}

// last is the entry of the last request.
func (h *house) last(tb testing.TB) accesslog.Entry {
	tb.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.entries) == 0 {
		tb.Fatal("got no entry in the access log, want one")
	}
	return h.entries[len(h.entries)-1]
}

func (h *house) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logged.String()
}

// authenticate is a function as an api.Authenticator.
type authenticate func(text string) (ticket.Identity, error)

func (a authenticate) Authenticate(_ context.Context, b ticket.Bearer) (ticket.Identity, error) {
	return a(b.Reveal())
}

func bearers(text string) (ticket.Identity, error) {
	alice := ticket.Identity{Issuer: "https://id.example.com", Subject: "alice", Scope: "chat.read chat.write", ExpiresAt: noon().Add(time.Hour)}
	switch text {
	case "good":
	case "other":
		alice.Subject = "bob"
	case "short":
		alice.ExpiresAt = noon().Add(4900 * time.Millisecond)
	case "scarce":
		alice.ExpiresAt = noon().Add(20900 * time.Millisecond)
	default:
		return ticket.Identity{}, ticket.ErrInvalidBearer
	}
	return alice, nil
}

// keyring is a function as an api.Keyring.
type keyring func(key string) (name string, scopes []string, ok bool)

func (k keyring) Lookup(key string) (name string, scopes []string, ok bool) { return k(key) }

// keys knows one key for each scope, and one for all.
func keys(key string) (name string, scopes []string, ok bool) {
	switch key {
	case "consume-key", "introspect-key", "revoke-key", "read-key":
		scope := strings.TrimSuffix(key, "-key")
		return "for-" + scope, []string{scope}, true
	case "every-key":
		return "every", []string{"consume", "introspect", "revoke", "read"}, true
	default:
		return "", nil, false
	}
}

// domain is an Issuer and Receipts of functions.
type domain struct {
	issue  func(context.Context, ticket.Request) (ticket.Ticket, error)
	lookup func(context.Context, ticket.ID, ticket.Identity) (ticket.Receipt, error)
	revoke func(context.Context, ticket.ID, ticket.Identity) error
}

func (d domain) Issue(ctx context.Context, req ticket.Request) (ticket.Ticket, error) {
	return d.issue(ctx, req)
}

func (d domain) Lookup(ctx context.Context, id ticket.ID, who ticket.Identity) (ticket.Receipt, error) {
	return d.lookup(ctx, id, who)
}

func (d domain) Revoke(ctx context.Context, id ticket.ID, who ticket.Identity) error {
	return d.revoke(ctx, id, who)
}

// mapStore is a ticket.Store for one goroutine.
type mapStore map[ticket.ID]*ticket.Entry

func (m mapStore) Create(_ context.Context, id ticket.ID, rec ticket.Record, _ time.Duration) error {
	m[id] = &ticket.Entry{Record: rec, Mark: ticket.Mark{State: ticket.Pending}}
	return nil
}

func (m mapStore) Consume(_ context.Context, id ticket.ID, mark ticket.Mark, _ time.Duration) (ticket.Entry, error) {
	switch entry := m[id]; {
	case entry == nil:
		return ticket.Entry{}, ticket.ErrNotFound
	case entry.Mark.State != ticket.Pending:
		return ticket.Entry{}, &ticket.SpentError{Mark: entry.Mark}
	default:
		before := *entry
		entry.Mark = mark
		return before, nil
	}
}

func (m mapStore) Settle(_ context.Context, id ticket.ID, mark ticket.Mark) error {
	if m[id] == nil {
		return ticket.ErrNotFound
	}
	m[id].Mark = mark
	return nil
}

func (m mapStore) Lookup(_ context.Context, id ticket.ID) (ticket.Entry, error) {
	if m[id] == nil {
		return ticket.Entry{}, ticket.ErrNotFound
	}
	return *m[id], nil
}

func origins(tb testing.TB, entries ...string) *origin.List {
	tb.Helper()
	list, err := origin.NewList(entries)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func hosts(tb testing.TB, entries ...string) *origin.Hosts {
	tb.Helper()
	list, err := origin.NewHosts(entries)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// newRequest makes a request to the public host. Header lines are name and
// value by turns; a name that comes twice is two headers.
func newRequest(tb testing.TB, method, target, body string, header ...string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	r.Host = host
	for i := 0; i+1 < len(header); i += 2 {
		r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
	}
	return r
}

// post asks for a ticket with a good bearer.
func (h *house) post(tb testing.TB, body string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	header = append([]string{"Authorization", good, "Content-Type", "application/json"}, header...)
	return h.public(tb, newRequest(tb, http.MethodPost, "/ws-ticket", body, header...))
}

// public sends r to the public router and holds the answer to what every
// answer must be.
func (h *house) public(tb testing.TB, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	return h.send(tb, h.Public(), r)
}

// internal sends r to the internal router.
func (h *house) internal(tb testing.TB, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	return h.send(tb, h.Internal(), r)
}

func (h *house) send(tb testing.TB, to http.Handler, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	to.ServeHTTP(w, r)
	checkHeaders(tb, r, w, h.sessions)
	checkDocumented(tb, r, w, h.last(tb).Route)
	return w
}

// checkHeaders holds for every answer, whoever writes it. The keys alone may
// be stored and read by everybody, and only who answers cookies lets pages
// send them, one named page each time.
func checkHeaders(tb testing.TB, r *http.Request, w *httptest.ResponseRecorder, sessions bool) {
	tb.Helper()
	cache, credentials := "no-store", ""
	page := w.Header().Get("Access-Control-Allow-Origin")
	switch {
	case w.Header().Get("Content-Type") == "application/jwk-set+json":
		cache = "public, max-age=300"
	case page == "*":
		tb.Errorf("%s %s: got a wildcard, want one origin", r.Method, r.URL.Path)
	case page != "" && sessions:
		credentials = "true"
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options":           "nosniff",
		"Cache-Control":                    cache,
		"Content-Security-Policy":          "default-src 'none'; frame-ancestors 'none'",
		"Referrer-Policy":                  "no-referrer",
		"Server":                           "",
		"X-Powered-By":                     "",
		"Access-Control-Allow-Credentials": credentials,
	} {
		if got := w.Header().Get(name); got != want {
			tb.Errorf("%s %s: header %s: got %q, want %q", r.Method, r.URL.Path, name, got, want)
		}
	}
	if w.Header().Get("X-Request-Id") == "" {
		tb.Errorf("%s %s: got no X-Request-Id, want one", r.Method, r.URL.Path)
	}
	if w.Code >= 300 && w.Code < 400 {
		tb.Errorf("%s %s: got the redirect %d, want none ever", r.Method, r.URL.Path, w.Code)
	}
}

// expect compares status and problem code; an empty code is no problem.
func expect(tb testing.TB, rule string, w *httptest.ResponseRecorder, status int, code string) {
	tb.Helper()
	if got := codeOf(w); w.Code != status || got != code {
		tb.Errorf("%s: got %d %q, want %d %q", rule, w.Code, got, status, code)
	}
}
