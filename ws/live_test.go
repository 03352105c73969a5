package ws_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/ticket"
	"wsticket/ws"
)

// stoppable is a fixture with its handler, which the fixture hides.
func stoppable(t *testing.T, e ws.Endpoint) (*fixture, *ws.Handler) {
	t.Helper()
	var handler *ws.Handler
	f := newFixture(t, func(o *ws.Options) {
		o.Endpoint = e
		handler = mustNew(t, *o)
	})
	f.server.Config.Handler = handler
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
	f, handler := stoppable(t, ws.Echo)
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
	f, handler := stoppable(t, func(context.Context, *websocket.Conn, ticket.Grant) error {
		<-release
		return nil
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
	close(release)
	if err := handler.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown, when the application has returned: %v, want nil", err)
	}
}
