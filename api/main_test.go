package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/api"
	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	host   = "api.example.com"
	page   = "https://app.example.com"
	good   = "Bearer good"   // of Alice, until an hour after noon
	other  = "Bearer other"  // of Bob, as long
	short  = "Bearer short"  // of Alice, for another 4.9 s
	scarce = "Bearer scarce" // of Alice, for another 20.9 s
	asJSON = "application/json"
	asForm = "application/x-www-form-urlencoded"
	// jwt has the shape of a JWT.
	jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
	// unknownToken and unknownID are well formed, and were not issued.
	unknownToken = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht"
	unknownID    = "4B8xiXBODIlsV0VSjvtzly"
)

// keySet is a JWK set.
const keySet = `{"keys":[{"alg":"EdDSA","crv":"Ed25519","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","kty":"OKP",` +
	`"use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

// noon is the time of every test.
func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// parts are the options of a house.
type parts struct {
	api.Options
	Gate        gate.Options
	Audiences   ticket.Audiences
	RetryWindow time.Duration
}

// house is a Server with the parts below it.
type house struct {
	*api.Server
	service  *ticket.Service
	live     *live.Registry
	events   test.Events
	sessions bool // it accepts session cookies

	mu     sync.Mutex
	logged strings.Builder
}

// newHouse returns a Server with a real gate.Gate and ticket.Service behind it.
// edit may change the options.
func newHouse(tb testing.TB, edit func(*parts)) *house {
	tb.Helper()
	h := new(house)
	o := h.build(tb, edit)
	var err error
	if h.Server, err = api.New(o); err != nil {
		tb.Fatal(err)
	}
	return h
}

// build makes the options of a Server, and what h needs beside it.
func (h *house) build(tb testing.TB, edit func(*parts)) api.Options {
	tb.Helper()
	o := parts{
		Options: api.Options{
			WebSocket: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) }),
			Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain; version=0.0.4")
				_, _ = w.Write([]byte("wsticket_up 1\n"))
			}),
			Ops: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = w.Write([]byte("<title>" + path.Base(r.URL.Path) + "</title>"))
			}),
			Timelines: timelines(func(ticket.ID) api.Timeline {
				return api.Timeline{Source: api.TimelineOfProcess, Started: noon(), Since: noon(), Events: []api.TimelineEvent{}}
			}),
			Keys: keyring(keys), KeySet: []byte(keySet),
		},
		Gate: gate.Options{
			Authenticator: authenticate(bearers), Origins: []string{page, "http://localhost:5173"}, AllowMissingOrigin: true,
			Hosts: []string{host}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			Events: h.events.Record, Now: noon,
		},
		Audiences: ticket.Audiences{{Name: "chat"}, {Name: "feed"}},
	}
	o.TicketOptions = api.TicketOptions{Events: h.events.Record, Logger: slog.New(slog.NewJSONHandler(h, nil)), Now: noon}
	unlimited := gate.NewRateLimiter(0, 0)
	o.Gate.AddressLimit, o.SubjectLimit, o.KeyLimit = unlimited, unlimited, unlimited
	var err error
	if h.live, err = live.New(live.Options{Now: noon}); err != nil {
		tb.Fatal(err)
	}
	if o.Feeds, err = live.NewFeeds(h.live, live.FeedOptions{}); err != nil {
		tb.Fatal(err)
	}
	o.Connections = h.live
	o.Logouts = logouts(func(string) (ticket.Logout, error) { return ticket.Logout{}, ticket.ErrInvalidBearer })
	o.SecurityEvents = events(func(string) (ticket.SecurityEvent, error) { return ticket.SecurityEvent{}, ticket.ErrInvalidBearer })
	once, err := memstore.New(memstore.Options{Now: noon})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = once.Close() })
	o.Once = once
	o.Drain = func(ctx context.Context, _ time.Duration) live.Drained {
		_ = h.live.Shutdown(ctx)
		return h.live.Stats().Drained
	}
	if edit != nil {
		edit(&o)
	}
	if o.Revoker == nil {
		registry, err := live.New(live.Options{Issuers: []live.Issuer{{Name: test.Alice().Issuer, Leeway: 5 * time.Second, MaxLifetime: 24 * time.Hour}}, Events: h.events.Record, Now: noon})
		if err != nil {
			tb.Fatal(err)
		}
		o.Revoker, o.Gate.Revocations = registry, registry
	}
	h.service = newService(tb, ticket.Options{
		Revocations: o.Gate.Revocations, Keeper: o.Gate.Keeper, Audiences: o.Audiences, RetryWindow: o.RetryWindow, Now: noon, Events: h.events.Record,
	})
	if o.Issuer == nil {
		o.Issuer = h.service
	}
	if o.Receipts == nil {
		o.Receipts = h.service
	}
	if o.Renewer == nil {
		o.Renewer = renews(func(ticket.ID, ticket.Identity) (time.Time, error) { return time.Time{}, ticket.ErrNotFound })
	}
	if o.Introspector == nil {
		o.Introspector = h.service
	}
	if o.Gate.Redeemer == nil {
		o.Gate.Redeemer = h.service
	}
	o.Gate.Audiences = o.Audiences // a Redeemer of a test has none
	if o.TicketOptions.Gate, err = gate.New(o.Gate); err != nil {
		tb.Fatal(err)
	}
	h.sessions = o.Gate.Sessions != nil
	return o.Options
}

// newService returns a Service with a store of its own.
func newService(tb testing.TB, o ticket.Options) *ticket.Service {
	tb.Helper()
	store, err := memstore.New(memstore.Options{Now: o.Now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	o.Store = store
	service, err := ticket.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return service
}

// issued counts the tickets that were issued.
func (h *house) issued() (n int) {
	for _, e := range h.events.All() {
		if e.Kind == ticket.EventIssue {
			n++
		}
	}
	return n
}

// Write records what the logger prints.
func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logged.Write(p)
}

func (h *house) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logged.String()
}

// last returns the event of the last request.
func (h *house) last(tb testing.TB) ticket.Event {
	tb.Helper()
	all := h.events.All()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == ticket.EventRequest {
			return all[i]
		}
	}
	tb.Fatal("got no event of a request, want one")
	return ticket.Event{}
}

// became compares the outcome and the reason of the last request.
func (h *house) became(tb testing.TB, rule, outcome, reason string) {
	tb.Helper()
	if got := h.last(tb); got.Outcome != outcome || got.Reason != reason {
		tb.Errorf("%s: got %s, %s, want %s, %s", rule, got.Outcome, got.Reason, outcome, reason)
	}
}

// renews is a function as an api.Renewer.
type renews func(id ticket.ID, who ticket.Identity) (time.Time, error)

func (f renews) Renew(_ context.Context, id ticket.ID, who ticket.Identity) (time.Time, error) {
	return f(id, who)
}

// timelines is a function as api.Timelines.
type timelines func(id ticket.ID) api.Timeline

func (f timelines) Timeline(_ context.Context, id ticket.ID) api.Timeline { return f(id) }

// authenticate is a function as a gate.Authenticator.
type authenticate func(text string) (ticket.Identity, error)

func (a authenticate) Authenticate(_ context.Context, b ticket.Bearer) (ticket.Identity, error) {
	return a(b.Reveal())
}

func bearers(text string) (ticket.Identity, error) {
	who, left := test.Alice(), time.Hour
	switch text {
	case "good":
	case "other":
		who = test.Bob()
	case "short":
		left = 4900 * time.Millisecond
	case "scarce":
		left = 20900 * time.Millisecond
	default:
		return ticket.Identity{}, ticket.ErrInvalidBearer
	}
	who.ExpiresAt = noon().Add(left)
	return who, nil
}

// keyring is a function as an api.Keyring.
type keyring func(key string) (name string, scopes []string, ok bool)

// Lookup returns a holder whose name is that of the one audience that the key is
// for, or begins with "for-" or "every".
func (k keyring) Lookup(key string) (holder ticket.Keyholder, ok bool) {
	holder.Name, holder.Scopes, ok = k(key)
	if ok && !strings.HasPrefix(holder.Name, "for-") && !strings.HasPrefix(holder.Name, "every") {
		holder.Audiences = []string{holder.Name}
	}
	return holder, ok
}

// keys knows one key for each scope, one for all, and one of an audience.
func keys(key string) (name string, scopes []string, ok bool) {
	switch key {
	case "consume-key", "introspect-key", "revoke-key", "read-key":
		scope := strings.TrimSuffix(key, "-key")
		return "for-" + scope, []string{scope}, true
	case "every-key":
		return "every", []string{"consume", "introspect", "revoke", "read"}, true
	case "ops-key":
		return "ops", []string{"revoke", "read"}, true
	case "feed-key", "gone-key":
		return strings.TrimSuffix(key, "-key"), []string{"consume", "introspect"}, true
	default:
		return "", nil, false
	}
}

// failing is a ticket.Service that fails with err, whatever it is asked.
type failing struct{ err error }

func (f failing) Issue(context.Context, ticket.Request) (ticket.Ticket, error) {
	return ticket.Ticket{}, f.err
}

func (f failing) Redeem(context.Context, ticket.Token, ticket.Presentation) (ticket.Grant, error) {
	return ticket.Grant{}, f.err
}

func (f failing) Introspect(context.Context, ticket.Token) (ticket.Grant, error) {
	return ticket.Grant{}, f.err
}

func (f failing) Lookup(context.Context, ticket.ID, ticket.Identity) (ticket.Receipt, error) {
	return ticket.Receipt{}, f.err
}
func (f failing) Revoke(context.Context, ticket.ID, ticket.Identity) error { return f.err }

// redeem is a function as a gate.Redeemer.
type redeem func(context.Context, ticket.Token, ticket.Presentation) (ticket.Grant, error)

func (r redeem) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	return r(ctx, token, p)
}

// granting grants everything, and records how it was presented.
func granting(seen *ticket.Presentation) redeem {
	return func(_ context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
		*seen = p
		return ticket.Grant{ID: token.ID(), ConnectionExpiresAt: noon()}, nil
	}
}

// newRequest returns a request to the public host. header alternates names and
// values; a repeated name makes two headers.
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

// public sends r to the public router, and checks what every answer must have.
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
	checkDocumented(tb, r, w, h.last(tb).HTTP.Route)
	return w
}

// checkHeaders checks the headers of every answer. Only the key set may be stored
// and read by every page. Only a server with sessions allows credentials, and to
// one named page each time.
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

// expect compares the status and the problem code, which is empty for an answer
// that is no problem.
func expect(tb testing.TB, rule string, w *httptest.ResponseRecorder, status int, code string) {
	tb.Helper()
	if got := codeOf(w); w.Code != status || got != code {
		tb.Errorf("%s: got %d %q, want %d %q", rule, w.Code, got, status, code)
	}
}

func mustToken(tb testing.TB, text string) ticket.Token {
	tb.Helper()
	token, err := ticket.ParseToken(text)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}
