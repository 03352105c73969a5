package redisstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// answerWithin is the longest time that a caller may have to wait for an answer,
// in any state of Redis.
const answerWithin = 500 * time.Millisecond

func TestFrozen(t *testing.T) {
	server := testenv.Redis(t)
	warm, cold := openStore(t, server.URL()), openStore(t, server.URL())
	id := fixture.Create(t, warm)
	server.Freeze()
	// More callers than connections, so that some wait for one.
	const callers = 64
	type answer struct {
		err  error
		took time.Duration
	}
	answers := make(chan answer, 2*callers)
	for i := range 2 * callers {
		go func() {
			s, start := warm, time.Now()
			if i%2 == 1 {
				s = cold
			}
			_, err := s.Consume(t.Context(), id, fixture.Redeemed("a"), fixture.Retry)
			answers <- answer{err, time.Since(start)}
		}()
	}
	for range 2 * callers {
		got := <-answers
		wantKind(t, "consume", got.err, redisstore.OutageTimeout)
		if got.took > answerWithin {
			t.Errorf("consume: answered after %v, want at most %v", got.took, answerWithin)
		}
	}
	server.Thaw()
	test.Wait(t, "a new ticket", func() bool {
		return warm.Create(t.Context(), ticket.NewID(), fixture.Record(), fixture.Lifetime) == nil
	})
	fixture.Consume(t, warm, fixture.Create(t, cold))
}

// The caller's own deadline applies if it is earlier than the store's, and the
// error says which of them it was.
func TestCallersDeadline(t *testing.T) {
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	id := fixture.Create(t, s)
	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := s.Consume(ctx, id, fixture.Redeemed("a"), fixture.Retry)
	if took := time.Since(start); took > 250*time.Millisecond {
		t.Errorf("consume: answered after %v, want about 50ms", took)
	}
	fixture.WantErr(t, "consume", err, context.DeadlineExceeded)
	wantKind(t, "consume", err, redisstore.OutageCanceled)
}

func TestKilledAndRestarted(t *testing.T) {
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	id := fixture.Create(t, s)
	server.Kill()
	for what, err := range fixture.Operations(t, t.Context(), s, id) {
		wantKind(t, what, err, redisstore.OutageConnection)
		if strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: the error contains the address: %v", what, err)
		}
	}
	wantKind(t, "ping", s.Ping(t.Context()), redisstore.OutageConnection)
	server.Restart()
	test.Wait(t, "ping", func() bool { return s.Ping(t.Context()) == nil })
	fixture.Consume(t, s, fixture.Create(t, s)) // The script is unknown again too.
	fixture.WantRefused(t, s, id, ticket.ErrNotFound)
}

func TestForgetsScripts(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openStore(t, server.URL()), plainClient(t, server)
	for range 2 {
		id := fixture.Create(t, s)
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		fixture.Consume(t, s, id)
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		refused := ticket.Mark{State: ticket.Refused, At: fixture.Redeemed("").At, Attempt: "a", Reason: "wrong_origin"}
		if err := s.Settle(t.Context(), id, refused); err != nil {
			t.Errorf("settle: %v", err)
		}
		fixture.WantRefused(t, s, id, ticket.ErrSpent)
	}
}

func TestFlushed(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openStore(t, server.URL()), plainClient(t, server)
	live, spent := fixture.Create(t, s), fixture.Create(t, s)
	fixture.Consume(t, s, spent)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []ticket.ID{live, spent} {
		fixture.WantRefused(t, s, id, ticket.ErrNotFound)
		fixture.WantErr(t, "settle", s.Settle(t.Context(), id, fixture.Redeemed("a")), ticket.ErrNotFound)
	}
}

// A server that is out of memory refuses. Its tickets are accepted later.
func TestOutOfMemory(t *testing.T) {
	server := testenv.Redis(t, "--maxmemory-policy", "noeviction")
	s, client := openStore(t, server.URL()), plainClient(t, server)
	id := fixture.Create(t, s)
	setMaxMemory := func(bytes string) {
		if err := client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	setMaxMemory("1")
	err := create(t, s)
	wantKind(t, "create", err, redisstore.OutageMemory)
	_, err = s.Consume(t.Context(), id, fixture.Redeemed("a"), fixture.Retry)
	wantKind(t, "consume", err, redisstore.OutageMemory)
	setMaxMemory("0")
	fixture.Consume(t, s, id)
}

func TestCredentials(t *testing.T) {
	server := testenv.Redis(t, "--requirepass", "sword?fish")
	tests := []struct {
		rule, userinfo string
		denied         bool
	}{
		{"no password", "", true},
		{"a wrong one", ":trout@", true},
		{"the right one, escaped", ":sword%3ffish@", false},
		{"with the name of the user", "default:sword%3ffish@", false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := openStore(t, "redis://"+tt.userinfo+server.Addr())
			err := create(t, s)
			if !tt.denied {
				fixture.WantErr(t, "create", err, nil)
				return
			}
			wantKind(t, "create", err, redisstore.OutageDenied)
			if strings.Contains(err.Error(), "trout") {
				t.Errorf("the error contains the password: %v", err)
			}
		})
	}
}

func TestWithoutPermission(t *testing.T) {
	server := testenv.Redis(t)
	err := plainClient(t, server).ACLSetUser(t.Context(), "clerk", "on", "nopass", "~wst:*", "+set", "+hello").Err()
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, "redis://clerk:x@"+server.Addr())
	for what, err := range fixture.Operations(t, t.Context(), s, ticket.NewID()) {
		wantKind(t, what, err, redisstore.OutageDenied)
	}
}

// The server's own clock expires a ticket.
func TestRealExpiry(t *testing.T) {
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	id := ticket.NewID()
	start := time.Now()
	if err := s.Create(t.Context(), id, fixture.Record(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	test.Wait(t, "the end of the ticket", func() bool {
		_, err := s.Lookup(t.Context(), id)
		return err != nil
	})
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("the ticket ended after %v, want 50ms", took)
	}
	fixture.WantRefused(t, s, id, ticket.ErrNotFound)
}
