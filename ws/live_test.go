package ws_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/ticket"
	"wsticket/ws"
)

// stoppable is a fixture with its handler, which the fixture hides.
func stoppable(t *testing.T, change func(*ws.Options)) (*fixture, *ws.Handler) {
	t.Helper()
	var handler *ws.Handler
	f := newFixture(t, func(o *ws.Options) {
		o.DrainWindow = 100 * time.Millisecond
		change(o)
		handler = mustNew(t, *o)
	})
	f.server.Config.Handler = chain(handler, slog.New(slog.NewJSONHandler(f.logs, nil)))
	return f, handler
}

func (f *fixture) connect(t *testing.T) answer {
	t.Helper()
	got := f.send(t, strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal()))
	if got.StatusCode != switching {
		t.Fatalf("status %d, want 101", got.StatusCode)
	}
	return got
}

func TestShutdownClosesEveryConnection(t *testing.T) {
	f, handler := stoppable(t, func(*ws.Options) {})
	polite, silent := f.connect(t), f.connect(t)
	for _, peer := range []answer{polite, silent} {
		if _, hello := peer.readFrame(t); !strings.Contains(hello, "alice") {
			t.Fatalf("greeting %q, want alice's", hello)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- handler.Shutdown(ctx) }()
	want := closeCodes(t)[1001].Reason
	for _, peer := range []answer{polite, silent} {
		if code, reason := peer.readClose(t); code != 1001 || reason != want {
			t.Errorf("closed with %d %q, want 1001 %q", code, reason, want)
		}
	}
	_, _ = io.WriteString(polite.conn, frame(opClose, "\x03\xe9"))
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v, want nil although one peer is silent", err)
	}
	if lines := strings.Count(f.logs.String(), `"close_code":1001`); lines != 2 {
		t.Errorf("%d connections are logged as closed with 1001, want 2", lines)
	}

	calls := f.redeemed.Load()
	got := f.send(t, strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal()))
	if got.StatusCode != 503 || got.Header.Get("Retry-After") != "1" || f.redeemed.Load() != calls {
		t.Errorf("afterwards: status %d, Retry-After %q, %d redemptions, want 503, 1 and none",
			got.StatusCode, got.Header.Get("Retry-After"), f.redeemed.Load()-calls)
	}
	if err := handler.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown once more: %v, want nil", err)
	}
}

// An application that does not notice keeps Shutdown until its context ends.
func TestShutdownIsBounded(t *testing.T) {
	release := make(chan struct{})
	f, handler := stoppable(t, func(o *ws.Options) {
		o.Endpoint = func(context.Context, *websocket.Conn, ticket.Grant) error {
			<-release
			return nil
		}
	})
	peer := f.connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := handler.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v, want %v", err, context.Canceled)
	}
	if code, _ := peer.readClose(t); code != 1001 {
		t.Errorf("close code %d, want 1001", code)
	}
	if err := handler.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown once more: %v, want %v", err, context.Canceled)
	}
	if got, want := handler.Stats().Drained, (ws.Drained{Total: 1, Cut: 1}); got != want {
		t.Errorf("drained %+v, want %+v: there is one connection, however often it is cut", got, want)
	}
	close(release)
	if err := handler.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown, when the application has returned: %v, want nil", err)
	}
}

// The connections are closed one after the other, and all are accounted for.
func TestDrainIsSpreadAndAccountedFor(t *testing.T) {
	const peers, window = 10, 300 * time.Millisecond
	f, handler := stoppable(t, func(o *ws.Options) { o.DrainWindow = window })
	var ends []chan time.Time
	for range peers {
		peer, ended := f.connect(t), make(chan time.Time, 1)
		_, _ = peer.readFrame(t) // the greeting
		ends = append(ends, ended)
		go func() { // ends with the connection
			code, _ := peer.readClose(t)
			if code != 1001 {
				t.Errorf("close code %d, want 1001", code)
			}
			ended <- time.Now()
			_, _ = io.WriteString(peer.conn, frame(opClose, "\x03\xe9"))
		}()
	}
	if got := handler.Stats().Connections[ws.DoorQuery][ws.StateOpen]; got != peers {
		t.Errorf("before: %d open connections, want %d", got, peers)
	}
	if err := handler.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	var first, last time.Time
	for _, ended := range ends {
		at := <-ended
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	if spread := last.Sub(first); spread < window/2 {
		t.Errorf("closed within %v, want spread over %v", spread, window)
	}
	want := ws.Drained{Total: peers, Closed: peers}
	if got := handler.Stats(); got.Drained != want || got.Connections[ws.DoorQuery][ws.StateOpen] != 0 || got.Connections[ws.DoorQuery][ws.StateClosing] != 0 {
		t.Errorf("after: %+v, want %+v and nothing left", got, want)
	}
	f.logs.waitFor(t, `"msg":"drained"`, `"connections":10`, `"closed":10`, `"cut":0`, `"left":0`)
}

// redeemerFunc is a Redeemer of a function.
type redeemerFunc func(context.Context, ticket.Token, ticket.Presentation) (ticket.Grant, error)

func (f redeemerFunc) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	return f(ctx, token, p)
}

// converse has the application say text again, after its greeting if it has
// one. Then it has the connection.
func (a answer) converse(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(a.conn, frame(opText, text)); err != nil {
		t.Fatal(err)
	}
	for got := ""; got != text; {
		_, got = a.readFrame(t)
	}
}

// The same attempt may come again and is admitted again, but one ticket never
// has two connections.
func TestOneTicketHasOneConnection(t *testing.T) {
	again := redeemerFunc(func(_ context.Context, token ticket.Token, _ ticket.Presentation) (ticket.Grant, error) {
		return ticket.Grant{ID: token.ID(), Identity: alice(), ConnectionExpiresAt: time.Now().Add(time.Hour)}, nil
	})
	u := newUpstream(t)
	for rule, change := range map[string]func(*ws.Options){
		"in process": func(*ws.Options) {},
		"relayed":    func(o *ws.Options) { o.Endpoint, o.Upstream, o.Identity = nil, u.URL, who{} },
	} {
		t.Run(rule, func(t *testing.T) {
			f, handler := stoppable(t, func(o *ws.Options) {
				o.Redeemer = again
				change(o)
			})
			request := strings.ReplaceAll(request(query), "$T", f.issue(nil).Token.Reveal())
			first := f.send(t, request)
			first.converse(t, "first")
			second := f.send(t, request)
			if code, reason := first.readClose(t); code != 1008 || reason != "policy" {
				t.Errorf("the older connection is closed with %d %q, want 1008", code, reason)
			}
			_, _ = io.WriteString(first.conn, frame(opClose, "\x03\xf0"))
			second.converse(t, "second")
			f.logs.waitFor(t, "connection closed", `"close_code":1008`)
			if open := handler.Stats().Connections[ws.DoorQuery][ws.StateOpen]; open != 1 {
				t.Errorf("%d connections are open, want 1", open)
			}
		})
	}
}
