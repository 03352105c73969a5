package gate_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// revokedBefore voids bearers that were issued until a time, and those without one.
type revokedBefore time.Time

// Check implements [ticket.Revocations].
func (r revokedBefore) Check(_ context.Context, g ticket.Grant) error {
	if g.Identity.IssuedAt.After(time.Time(r)) {
		return nil
	}
	return ticket.ErrBearerRevoked
}

// A bearer or a session that was revoked is refused at every door, and looks like any
// other wrong one.
func TestRevokedBearers(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) {
		withSessions(o)
		o.Revocations = revokedBefore(time.Now())
	})
	page := "Origin: " + appOrigin
	for _, handshake := range []string{
		test.Handshake(plain, "Authorization: Bearer "+goodBearer),
		test.Handshake(plain, page, "Cookie: sid="+goodBearer),
	} {
		j.check(t, row{"revoked", handshake, 401, "invalid_token", false})
		if e := j.events.Last(1)[0]; e.Reason != "bearer_revoked" || e.Action != ticket.ActionAuthenticate {
			t.Errorf("event %+v, want the reason", e)
		}
	}
	if who, err := j.AuthenticateBearer(t.Context(), ticket.NewBearer(goodBearer)); !errors.Is(err, ticket.ErrInvalidBearer) || who.Subject != "" {
		t.Errorf("a request: %+v, %v, want that nobody is known", who, err)
	}
}

// memory are sessions that remember when the application has vouched for them.
type memory struct {
	at    time.Time
	now   func() time.Time
	asked int
}

func (m *memory) Authenticate(ctx context.Context, b ticket.Bearer) (ticket.Identity, error) {
	return m.AuthenticateCookies(ctx, b)
}

func (m *memory) AuthenticateCookies(context.Context, ticket.Bearer) (ticket.Identity, error) {
	if m.at.IsZero() {
		m.at = m.now()
		m.asked++
	}
	who := test.Alice()
	who.IssuedAt = m.at
	return who, nil
}

func (m *memory) Forget(ticket.Bearer) { m.at = time.Time{} }

// What was remembered of a session before a revocation does not count after it, and
// the application is asked once more.
func TestRememberedSessions(t *testing.T) {
	start := time.Now()
	sessions := &memory{at: start, now: func() time.Time { return start.Add(time.Minute) }}
	for _, row := range []struct {
		rule  string
		until time.Time
		asked int
		good  bool
	}{
		{"none", start.Add(-time.Minute), 0, true},
		{"one after it was remembered", start.Add(time.Second), 1, true},
		{"one that is later than what the application says now", start.Add(time.Hour), 2, false},
	} {
		j := newJudge(t, func(o *gate.Options) {
			o.Doors, o.Sessions, o.SessionCookie = gate.Doors(), sessions, "sid"
			o.Revocations = revokedBefore(row.until)
		})
		text, err := j.SessionCookie(http.Header{"Cookie": {"sid=x"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.AuthenticateSession(t.Context(), ticket.NewBearer(text))
		if (err == nil) != row.good || sessions.asked != row.asked {
			t.Errorf("%s: %v, and asked %d times, want %d", row.rule, err, sessions.asked, row.asked)
		}
	}
}
