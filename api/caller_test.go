package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/api"
	"wsticket/ticket"
)

// TestHangingParts: whoever we wait for has 5 s, and then the service is
// unavailable, whatever the error says.
func TestHangingParts(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	h := newHouse(t, func(o *api.Options) {
		o.Receipts = domain{revoke: func(ctx context.Context, _ ticket.ID, _ ticket.Identity) error { return hang(ctx) }}
	})
	loadDocument(t) // is read outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := h.public(t, newRequest(t, http.MethodDelete, "/ws-ticket/"+unknownID, "", "Authorization", good))
		expect(t, "hanging", w, 503, "unavailable")
		if got := time.Since(start); got != 5*time.Second || h.last(t).Reason != "unavailable" {
			t.Errorf("got reason %s after %s, want unavailable after 5s", h.last(t).Reason, got)
		}
	})
}

// TestPeerThatLeft: a fault that follows from the peer's leaving is none of
// ours, but a refusal stays one, or leaving early would hide the reason.
func TestPeerThatLeft(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		cause           error
		outcome, reason string
	}{
		{ticket.ErrUnavailable, "canceled", "canceled"},
		{context.Canceled, "canceled", "canceled"},
		{fmt.Errorf("store: %w", ticket.ErrFull), "canceled", "canceled"},
		{ticket.ErrInvalidBearer, "refused", "invalid_bearer"},
	} {
		h := newHouse(t, func(o *api.Options) {
			o.Authenticator = authenticate(func(string) (ticket.Identity, error) { return ticket.Identity{}, row.cause })
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", good).WithContext(ctx))
		if got := h.last(t); got.Outcome != row.outcome || got.Reason != row.reason || h.log() != "" {
			t.Errorf("%v: got %s, %s and log %q, want %s, %s and none",
				row.cause, got.Outcome, got.Reason, h.log(), row.outcome, row.reason)
		}
	}
}
