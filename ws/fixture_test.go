package ws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/store/memstore"
	"wsticket/ticket"
	"wsticket/ws"
)

const (
	appOrigin  = "https://app.example.com"
	goodBearer = "bearer.of.alice" // what fakeAuth knows
	lateBearer = "bearer.past.end" // known, but expired
	deadBearer = "bearer.no.answer"
)

// loopback is the network from which the tests connect, as a list of proxies.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// withoutSessions returns every door but cookie.
func withoutSessions() []ticket.Door {
	return []ticket.Door{ticket.DoorQuery, ticket.DoorSubprotocol, ticket.DoorHeader, ticket.DoorFirstMessage}
}

// setup is what a handler is made of.
type setup struct {
	ticket ticket.Options
	gate   gate.Options
	live   live.Options
	ws     ws.Options
	// front is what stands in front of the handler. Default: nothing.
	front func(http.Handler) http.Handler
}

// fixture is a server on loopback with a real ticket.Service behind it.
type fixture struct {
	t         *testing.T
	service   *ticket.Service
	handler   *ws.Handler
	live      *live.Registry
	server    *httptest.Server
	events    test.Events
	logs      logBuffer // of panics, and of net/http
	redeemed  atomic.Int64
	lastSeen  atomic.Pointer[ticket.Presentation]
	timeShift atomic.Int64 // how far the service's clock is ahead
}

// newFixture starts a server; change may alter the options before.
func newFixture(t *testing.T, change func(*setup)) *fixture {
	t.Helper()
	f := &fixture{t: t}
	s := setup{
		ticket: ticket.Options{Store: newStore(t), Audiences: ticket.Audiences{{Name: "chat"}, {Name: "admin"}}, Now: f.now, Events: f.events.Record},
		gate: gate.Options{
			Redeemer: f, Authenticator: fakeAuth{}, Events: f.events.Record,
			Origins: []string{appOrigin}, AllowMissingOrigin: true, Hosts: []string{"api.example.com"},
			// The first message has its own tests: while its door is open, a
			// handshake without a credential is not refused.
			Doors:        []ticket.Door{ticket.DoorQuery, ticket.DoorSubprotocol, ticket.DoorHeader},
			AddressLimit: gate.NewRateLimiter(0, 0),
		},
		live: live.Options{DrainWindow: 100 * time.Millisecond, Events: f.events.Record},
		ws: ws.Options{
			Endpoint: ws.Echo, Subprotocols: []string{"app.v1", "app.v2"},
			Logger: slog.New(slog.NewJSONHandler(&f.logs, nil)), Events: f.events.Record,
		},
		front: func(h http.Handler) http.Handler { return h },
	}
	if change != nil {
		change(&s)
	}
	var err error
	if f.service, err = ticket.New(s.ticket); err != nil {
		t.Fatal(err)
	}
	f.handler, f.live = build(t, s)
	f.server = httptest.NewUnstartedServer(s.front(f.handler))
	f.server.Config.MaxHeaderBytes = 16 << 10
	f.server.Config.ErrorLog = log.New(&f.logs, "", 0)
	f.server.Start()
	t.Cleanup(f.server.Close)
	return f
}

// build makes a handler of its parts.
func build(t testing.TB, s setup) (*ws.Handler, *live.Registry) {
	t.Helper()
	var err error
	if s.ws.Gate, err = gate.New(s.gate); err != nil {
		t.Fatal(err)
	}
	if s.ws.Live, err = live.New(s.live); err != nil {
		t.Fatal(err)
	}
	handler, err := ws.New(s.ws)
	if err != nil {
		t.Fatal(err)
	}
	return handler, s.ws.Live
}

// bare makes a handler for clients that send no Origin, without a server.
func bare(t *testing.T, redeemer gate.Redeemer, endpoint ws.Endpoint, change func(*setup)) *ws.Handler {
	t.Helper()
	s := setup{gate: gate.Options{Redeemer: redeemer, AllowMissingOrigin: true, Doors: withoutSessions()}, ws: ws.Options{Endpoint: endpoint}}
	if change != nil {
		change(&s)
	}
	handler, _ := build(t, s)
	return handler
}

func newStore(tb testing.TB) ticket.Store {
	tb.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = memory.Close() })
	return memory
}

// answered waits for the entry of the access log with that reason.
func (f *fixture) answered(t *testing.T, reason string) ticket.Event {
	t.Helper()
	return f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventRequest, Reason: reason})
}

// settled waits for a refusal after the 101.
func (f *fixture) settled(t *testing.T, reason string) ticket.Event {
	t.Helper()
	return f.events.AwaitLike(t, ticket.Event{
		Kind: ticket.EventRefuse, Action: ticket.ActionHandshake, Reason: reason, AfterUpgrade: true,
	})
}

// disconnected waits for the end of a connection with that close code.
func (f *fixture) disconnected(t *testing.T, code uint16) ticket.Event {
	t.Helper()
	return f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventDisconnect, Closed: ticket.Closed{Code: code}})
}

// now is the service's clock.
func (f *fixture) now() time.Time { return time.Now().Add(time.Duration(f.timeShift.Load())) }

// Redeem implements [gate.Redeemer] and counts.
func (f *fixture) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	f.redeemed.Add(1)
	f.lastSeen.Store(&p)
	return f.service.Redeem(ctx, token, p)
}

// issue makes a ticket for alice.
func (f *fixture) issue(change func(*ticket.Request)) ticket.Ticket {
	f.t.Helper()
	req := ticket.Request{Identity: test.Alice(), Audience: "chat"}
	if change != nil {
		change(&req)
	}
	issued, err := f.service.Issue(f.t.Context(), req)
	if err != nil {
		f.t.Fatal(err)
	}
	return issued
}

// fakeAuth knows three bearers.
type fakeAuth struct{}

func (fakeAuth) Authenticate(_ context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	identity := test.Alice()
	switch bearer.Reveal() {
	case goodBearer:
		return identity, nil
	case lateBearer:
		identity.ExpiresAt = time.Now()
		return identity, nil
	case deadBearer:
		return ticket.Identity{}, fmt.Errorf("keys: %w", ticket.ErrUnavailable)
	default:
		return ticket.Identity{}, fmt.Errorf("verify %s: %w", bearer.Reveal(), ticket.ErrInvalidBearer)
	}
}

// logBuffer holds everything that the server logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// problemCode returns the code of a problem, empty if text is none.
func problemCode(text []byte) string {
	var p struct{ Code string }
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	return p.Code
}
