package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) {
		o.Ready = func(context.Context) error { return errors.New("away") }
	})
	w := h.internal(t, newRequest(t, http.MethodGet, "/livez", ""))
	if got := w.Body.String(); w.Code != 200 || got != `{"status":"ok"}` {
		t.Errorf("got %d %s, want 200: the process is well whatever the store is", w.Code, got)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule  string
		ready func(context.Context) error
		want  int
	}{
		{"nothing to ask", nil, 200},
		{"all is well", func(context.Context) error { return nil }, 200},
		{"the store is away", func(context.Context) error { return errors.New("dial SECRET") }, 503},
	} {
		h := newHouse(t, func(o *parts) { o.Ready = row.ready })
		w := h.internal(t, newRequest(t, http.MethodGet, "/readyz", ""))
		if row.want == 200 {
			expect(t, row.rule, w, 200, "")
			if got := w.Body.String(); got != `{"status":"ok"}` {
				t.Errorf("%s: got %s, want ok", row.rule, got)
			}
			continue
		}
		expect(t, row.rule, w, 503, "unavailable")
		if got := w.Header().Get("Retry-After"); got != "1" {
			t.Errorf("%s: got Retry-After %q, want 1", row.rule, got)
		}
		if strings.Contains(w.Body.String()+h.log(), "SECRET") {
			t.Errorf("%s: got %s and log %s, want nothing of the error", row.rule, w.Body, h.log())
		}
	}
}

// TestReadyWaitsASecond: a store has 1 s to answer.
func TestReadyWaitsASecond(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) {
		o.Ready = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
	})
	loadDocument(t) // is read outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := h.internal(t, newRequest(t, http.MethodGet, "/readyz", ""))
		expect(t, "hanging", w, 503, "unavailable")
		if got := time.Since(start); got != time.Second {
			t.Errorf("got an answer after %s, want 1s", got)
		}
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.internal(t, newRequest(t, http.MethodGet, "/metrics", ""))
	if got := w.Body.String(); w.Code != 200 || got != "wsticket_up 1\n" {
		t.Errorf("got %d %q, want what the handler says", w.Code, got)
	}
}
