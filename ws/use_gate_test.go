package ws_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// otherAuth knows another bearer than fakeAuth.
type otherAuth struct{}

const otherBearer = "bearer.of.later"

func (otherAuth) Authenticate(_ context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	if bearer.Reveal() != otherBearer {
		return ticket.Identity{}, fmt.Errorf("verify: %w", ticket.ErrInvalidBearer)
	}
	return test.Alice(), nil
}

// Another gate judges handshakes that come from then on, and what is sent on those that
// are open: their first message, and renewals.
func TestUseGate(t *testing.T) {
	t.Parallel()
	renewable(t, func(t *testing.T, fixture func(change func(*setup)) *fixture) {
		var options gate.Options
		f := fixture(func(s *setup) { options = s.gate })
		open, waiting := f.await(t, auth(goodBearer)), f.await(t, "")
		open.authenticated(t)

		options.Redeemer, options.Authenticator, options.Origins = f, otherAuth{}, []string{"https://other.example.com"}
		next, err := gate.New(options)
		if err != nil {
			t.Fatal(err)
		}
		f.handler.UseGate(next)
		if got := f.send(t, request(plain, "Origin: "+appOrigin)); got.StatusCode != http.StatusForbidden {
			t.Errorf("the origin of before: %d, want 403", got.StatusCode)
		}
		if got := f.send(t, request(plain, "Origin: https://other.example.com")); got.StatusCode != switching {
			t.Errorf("the origin of now: %d, want 101", got.StatusCode)
		}
		waiting.say(t, auth(goodBearer))
		if _, code, reason := waiting.farewell(t); code != 4001 || reason != authFailed {
			t.Errorf("a first message with the bearer of before: %d %s, want 4001", code, reason)
		}
		open.say(t, auth(goodBearer))
		f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventRefuse, Action: ticket.ActionRenew})
		late := f.await(t, auth(otherBearer))
		late.authenticated(t)
	})
}

// Other bounds count for those who come from then on.
func TestBoundUnauthenticated(t *testing.T) {
	f := messageFixture(t, func(s *setup) { s.ws.Unauthenticated, s.ws.UnauthenticatedPerAddress = 1, 1 })
	f.await(t, "")
	if got := f.send(t, request(plain)); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d, want 503", got.StatusCode)
	}
	f.handler.BoundUnauthenticated(2, 2)
	f.await(t, "")
	if got := f.send(t, request(plain)); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many of two: %d, want 503", got.StatusCode)
	}
}
