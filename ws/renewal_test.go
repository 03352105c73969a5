package ws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/gate"
	"wsticket/ticket"
	"wsticket/ws"
)

// plainEcho is an Endpoint that returns every message.
func plainEcho(ctx context.Context, conn *websocket.Conn, _ ticket.Grant) error {
	for {
		kind, text, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if err := conn.Write(ctx, kind, text); err != nil {
			return err
		}
	}
}

// renewable are the two kinds of connections, in front of an application that echoes.
func renewable(t *testing.T, run func(t *testing.T, fixture func(change func(*setup)) *fixture)) {
	t.Helper()
	u := newUpstream(t)
	for rule, upstream := range map[string]*ws.Upstream{"in process": nil, "relayed": {URL: u.URL, Identity: who{}}} {
		t.Run(rule, func(t *testing.T) {
			run(t, func(change func(*setup)) *fixture {
				return messageFixture(t, func(s *setup) {
					s.ws.Endpoint = plainEcho
					if upstream != nil {
						s.ws.Endpoint, s.ws.Upstream = nil, upstream
					}
					if change != nil {
						change(s)
					}
				})
			})
		})
	}
}

func TestRenewalVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../testdata/vectors/first_message.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Renewals []exchange }
	if err := json.Unmarshal(data, &file); err != nil || len(file.Renewals) < 5 {
		t.Fatalf("%d renewals, %v", len(file.Renewals), err)
	}
	renewable(t, func(t *testing.T, fixture func(func(*setup)) *fixture) {
		f := fixture(nil)
		got := f.await(t, auth(goodBearer))
		id := got.authenticated(t)["connectionId"]
		for _, row := range file.Renewals {
			fill := strings.NewReplacer("$TICKET", f.issue(nil).Token.Reveal(), "$BEARER", goodBearer)
			sent := fill.Replace(row.Client[0].Text)
			got.say(t, frame(opText, sent))
			_, text := got.readFrame(t)
			if len(row.Server) == 0 {
				if text != sent {
					t.Errorf("%s: got %q, want it from the application", row.Rule, text)
				}
			} else if !alike(text, row.Server[0].Text, id) {
				t.Errorf("%s: got %s, want %s", row.Rule, text, row.Server[0].Text)
			}
			got.echoes(t, row.Rule)
		}
		f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventRenew, TicketID: ticket.ID(id)})
		f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventRefuse, Action: ticket.ActionRenew, TicketID: ticket.ID(id)})
	})
}

// An auth message may come right behind the first one, or in pieces. One of more than
// 4 KiB is the application's.
func TestRenewalByPieces(t *testing.T) {
	t.Parallel()
	renewable(t, func(t *testing.T, fixture func(func(*setup)) *fixture) {
		got := fixture(nil).await(t, auth(goodBearer)+auth(goodBearer))
		got.authenticated(t)
		got.authenticated(t)
		long := fmt.Sprintf(`{"type":"auth","token":%q}%s`, goodBearer, strings.Repeat(" ", 4<<10))
		whole := frame(opText, long[:4<<10])
		got.say(t, whole[:3])
		got.say(t, whole[3:100])
		got.say(t, whole[100:])
		got.authenticated(t)
		got.say(t, frame(opText, long)) // which is too long
		for back := ""; back != long; {
			_, text := got.readFrame(t) // the library writes fragments
			if back += text; !strings.HasPrefix(long, back) {
				t.Fatalf("got %d bytes, want the message from the application", len(back))
			}
		}
	})
}

// On a connection that no first message has opened, all is the application's.
func TestNoRenewalAtOtherDoors(t *testing.T) {
	t.Parallel()
	renewable(t, func(t *testing.T, fixture func(func(*setup)) *fixture) {
		f := fixture(nil)
		got := f.connect(t)
		got.echoes(t, fmt.Sprintf(`{"type":"auth","token":%q}`, goodBearer))
	})
}

// heldAuth answers at the second and later bearers only when it is let go.
type heldAuth struct {
	fakeAuth
	calls chan struct{}
	let   chan struct{}
}

func (a heldAuth) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	select {
	case a.calls <- struct{}{}: // the first message
	default:
		<-a.let
	}
	return a.fakeAuth.Authenticate(ctx, bearer)
}

// While one renewal runs, another one is refused at once.
func TestOneRenewalAtATime(t *testing.T) {
	t.Parallel()
	renewable(t, func(t *testing.T, fixture func(func(*setup)) *fixture) {
		held := heldAuth{calls: make(chan struct{}, 1), let: make(chan struct{})}
		got := fixture(func(s *setup) { s.gate.Authenticator = held }).await(t, auth(goodBearer))
		got.authenticated(t)
		got.say(t, auth(goodBearer), auth(goodBearer))
		if _, text := got.readFrame(t); text != `{"type":"auth_fail","code":"rate_limited"}` {
			t.Errorf("got %s, want the second one refused", text)
		}
		close(held.let)
		got.authenticated(t)
	})
}

// The limit of the client's address counts renewals, too.
func TestRenewalsAreLimited(t *testing.T) {
	t.Parallel()
	renewable(t, func(t *testing.T, fixture func(func(*setup)) *fixture) {
		f := fixture(func(s *setup) { s.gate.AddressLimit = &atMost{left: 2} })
		got := f.await(t, auth(goodBearer)) // which is one
		got.authenticated(t)
		got.say(t, auth(goodBearer))
		got.authenticated(t)
		got.say(t, auth(goodBearer))
		if _, text := got.readFrame(t); text != `{"type":"auth_fail","code":"rate_limited"}` {
			t.Errorf("got %s, want rate_limited", text)
		}
		f.events.AwaitLike(t, ticket.Event{Kind: ticket.EventLimit, Action: ticket.ActionRenew})
		got.echoes(t, "it goes on")
	})
}

// atMost is a limiter of a number of events in all.
type atMost struct {
	mu   sync.Mutex
	left int
}

func (l *atMost) Allow(string) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left--
	return time.Second, l.left >= 0
}

var _ gate.Limiter = (*atMost)(nil)

// A Close frame that comes in two pieces ends the connection like any other.
func TestCloseInPiecesAfterFirstMessage(t *testing.T) {
	t.Parallel()
	renewable(t, func(t *testing.T, fixture func(func(*setup)) *fixture) {
		got := fixture(nil).await(t, auth(goodBearer))
		got.authenticated(t)
		const header = 6
		closing := frame(opClose, "\x03\xe8")
		got.say(t, frame(opText, "last"), closing[:header])
		if _, text := got.readFrame(t); text != "last" { // so both have been read
			t.Errorf("got %q, want last", text)
		}
		got.say(t, closing[header:])
		if code, _ := got.readClose(t); code != 1000 {
			t.Errorf("closed with %d, want 1000", code)
		}
	})
}

// panicking is an Authenticator that panics at the second bearer.
type panicking struct {
	gate.Authenticator

	calls *atomic.Int32
}

// Authenticate implements [gate.Authenticator].
func (p panicking) Authenticate(ctx context.Context, bearer ticket.Bearer) (ticket.Identity, error) {
	if p.calls.Add(1) > 1 {
		panic(bearer.Reveal())
	}
	return p.Authenticator.Authenticate(ctx, bearer)
}

// A panic ends neither the connection nor the process.
func TestRenewalThatPanics(t *testing.T) {
	t.Parallel()
	renewable(t, func(t *testing.T, fixture func(func(*setup)) *fixture) {
		f := fixture(func(s *setup) { s.gate.Authenticator = panicking{s.gate.Authenticator, new(atomic.Int32)} })
		got := f.await(t, auth(goodBearer)+auth(goodBearer))
		got.authenticated(t)
		if _, text := got.readFrame(t); !strings.Contains(text, `"code":"internal"`) {
			t.Errorf("got %s, want auth_fail with internal", text)
		}
		got.echoes(t, "after a panic")
	})
}
