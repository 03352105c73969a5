package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/ticket"
)

// TestHangingParts: a store has 5 s to answer.
func TestHangingParts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) {
		o.Gate.Redeemer = redeem(func(ctx context.Context, _ ticket.Token, _ ticket.Presentation) (ticket.Grant, error) {
			<-ctx.Done()
			return ticket.Grant{}, ctx.Err()
		})
	})
	loadDocument(t) // is read outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := h.consume(t, `{"ticket":"`+unknownToken+`"}`)
		expect(t, "hanging", w, 503, "unavailable")
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("got an answer after %s, want 5s", got)
		}
		h.became(t, "hanging", "error", "unavailable")
	})
}

// TestPeerThatLeft: an outage after the peer has left is no fault. A refusal
// keeps its reason, which leaving early must not hide.
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
		h := newHouse(t, func(o *parts) {
			o.Gate.Authenticator = authenticate(func(string) (ticket.Identity, error) { return ticket.Identity{}, row.cause })
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", good).WithContext(ctx))
		h.became(t, row.cause.Error(), row.outcome, row.reason)
		if h.log() != "" {
			t.Errorf("%v: got log %q, want none", row.cause, h.log())
		}
	}
}
