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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/ticket"
	"wsticket/ws"
)

const (
	appOrigin  = "https://app.example.com"
	goodBearer = "bearer.of.alice" // what fakeAuth knows
	lateBearer = "bearer.past.end" // known, but at its end
	deadBearer = "bearer.no.answer"
)

// fixture is a server on loopback with a real ticket.Service behind it.
type fixture struct {
	t         *testing.T
	service   *ticket.Service
	redeemed  atomic.Int64 // calls of Redeem
	lastSeen  atomic.Pointer[ticket.Presentation]
	server    *httptest.Server
	logs      *logBuffer
	timeShift atomic.Int64 // how far the service's clock is ahead
}

// newFixture starts a server; change may alter the options before.
func newFixture(t *testing.T, change func(*ws.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, logs: &logBuffer{}}
	service, err := ticket.New(ticket.Options{
		Store: &mapStore{entries: make(map[ticket.ID]ticket.Entry)}, Audiences: []string{"chat", "admin"}, Now: f.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.service = service
	logger := f.logger()
	options := ws.Options{
		Redeemer: f, Authenticator: fakeAuth{}, Endpoint: ws.Echo,
		Origins: []string{appOrigin}, AllowMissingOrigin: true, Hosts: []string{"api.example.com"},
		Subprotocols: []string{"app.v1", "app.v2"}, Logger: logger,
		// Of first_message there are tests of its own: where it is open, no
		// credential is no refusal.
		Doors: []ws.Door{ws.DoorQuery, ws.DoorSubprotocol, ws.DoorHeader},
	}
	if change != nil {
		change(&options)
	}
	f.server = httptest.NewUnstartedServer(chain(mustNew(t, options), logger))
	f.server.Config.MaxHeaderBytes = 16 << 10
	f.server.Config.ErrorLog = log.New(f.logs, "", 0)
	f.server.Start()
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(f.logs, nil)) }

func mustNew(t *testing.T, o ws.Options) *ws.Handler {
	t.Helper()
	handler, err := ws.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// chain is what stands before the handler in the service.
func chain(h http.Handler, logger *slog.Logger) http.Handler {
	sink := func(ctx context.Context, e accesslog.Entry) {
		logger.InfoContext(ctx, "request", "entry", e)
	}
	return clientip.Middleware(nil)(accesslog.Middleware(nil, sink)(h))
}

// now is the service's clock.
func (f *fixture) now() time.Time { return time.Now().Add(time.Duration(f.timeShift.Load())) }

// Redeem implements [ws.Redeemer] and counts.
func (f *fixture) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	f.redeemed.Add(1)
	f.lastSeen.Store(&p)
	return f.service.Redeem(ctx, token, p)
}

// issue makes a ticket for alice.
func (f *fixture) issue(change func(*ticket.Request)) ticket.Ticket {
	f.t.Helper()
	req := ticket.Request{Identity: alice(), Audience: "chat"}
	if change != nil {
		change(&req)
	}
	issued, err := f.service.Issue(f.t.Context(), req)
	if err != nil {
		f.t.Fatal(err)
	}
	return issued
}

func alice() ticket.Identity {
	return ticket.Identity{
		Issuer: "https://id.example.com", Subject: "alice", Scope: "read write",
		ExpiresAt: time.Now().Add(time.Hour),
	}
}

// fakeAuth knows three bearers.
type fakeAuth struct{}

func (fakeAuth) Authenticate(_ context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	identity := alice()
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

// mapStore is the least that the contract of ticket.Store allows for.
type mapStore struct {
	mu      sync.Mutex
	entries map[ticket.ID]ticket.Entry
}

func (s *mapStore) Create(_ context.Context, id ticket.ID, rec ticket.Record, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[id] = ticket.Entry{Record: rec, Mark: ticket.Mark{State: ticket.Pending}}
	return nil
}

func (s *mapStore) Consume(_ context.Context, id ticket.ID, mark ticket.Mark, _ time.Duration) (ticket.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, ok := s.entries[id]
	if !ok {
		return ticket.Entry{}, ticket.ErrNotFound
	}
	if before.Mark.State != ticket.Pending {
		return ticket.Entry{}, &ticket.SpentError{Mark: before.Mark}
	}
	after := before
	after.Mark = mark
	s.entries[id] = after
	return before, nil
}

func (s *mapStore) Settle(_ context.Context, id ticket.ID, mark ticket.Mark) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := s.entries[id]
	entry.Mark = mark
	s.entries[id] = entry
	return nil
}

func (s *mapStore) Lookup(_ context.Context, id ticket.ID) (ticket.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.entries[id]
	if !ok {
		return ticket.Entry{}, ticket.ErrNotFound
	}
	return entry, nil
}

// logBuffer holds everything that the server wrote down.
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

// waitFor returns the first line that holds all of parts, which may come when
// the client has its answer already.
func (b *logBuffer) waitFor(t *testing.T, parts ...string) string {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.After(5 * time.Second); ; {
		for line := range strings.SplitSeq(b.String(), "\n") {
			if holdsAll(line, parts) {
				return line
			}
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("no line with %q in the log:\n%s", parts, b.String())
		}
	}
}

func holdsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}

// problemCode returns the code of a problem, empty where text is none.
func problemCode(text []byte) string {
	var p struct{ Code string }
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	return p.Code
}
