package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

// answerWithin is what a caller may have to wait for an answer, whatever state
// Redis is in.
const answerWithin = 500 * time.Millisecond

// operations runs each operation of a store on id and returns the errors. An
// operation that yields a record with its error fails the test.
func operations(tb testing.TB, ctx context.Context, s ticket.Store, id ticket.ID) map[string]error {
	tb.Helper()
	spent, consumeErr := s.Consume(ctx, id, redeemed("op"), retry)
	entry, lookupErr := s.Lookup(ctx, id)
	if consumeErr != nil && spent.Record.Payload != nil || lookupErr != nil && entry.Record.Payload != nil {
		tb.Error("got a record together with an error")
	}
	return map[string]error{
		"create":  s.Create(ctx, ticket.NewID(), record("grant"), lifetime),
		"consume": consumeErr,
		"settle":  s.Settle(ctx, id, redeemed("op")),
		"lookup":  lookupErr,
	}
}

// eventually asks again until ok, or fails.
func eventually(tb testing.TB, within time.Duration, what string, ok func() bool) {
	tb.Helper()
	end := time.After(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-end:
			tb.Fatalf("%s: not within %v", what, within)
		case <-tick.C:
		}
	}
}

func TestRedisFrozen(t *testing.T) {
	server := testenv.Redis(t)
	warm, cold := openRedis(t, server.URL()), openRedis(t, server.URL())
	id := mustCreate(t, warm)
	server.Freeze()
	// More callers than connections: waiting for one counts too.
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
			_, err := s.Consume(t.Context(), id, redeemed("a"), retry)
			answers <- answer{err, time.Since(start)}
		}()
	}
	for range 2 * callers {
		got := <-answers
		wantKind(t, "consume", got.err, store.OutageTimeout)
		if got.took > answerWithin {
			t.Errorf("consume: answered after %v, want at most %v", got.took, answerWithin)
		}
	}
	server.Thaw()
	eventually(t, time.Second, "a new ticket", func() bool {
		return warm.Create(t.Context(), ticket.NewID(), record("grant"), lifetime) == nil
	})
	mustConsume(t, warm, mustCreate(t, cold))
}

// The caller's own deadline is kept where it is shorter than the store's, and
// the error says whose it was.
func TestRedisCallersDeadline(t *testing.T) {
	server := testenv.Redis(t)
	s := openRedis(t, server.URL())
	id := mustCreate(t, s)
	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := s.Consume(ctx, id, redeemed("a"), retry)
	if took := time.Since(start); took > 250*time.Millisecond {
		t.Errorf("consume: answered after %v, want about 50ms", took)
	}
	wantErr(t, "consume", err, context.DeadlineExceeded)
	wantKind(t, "consume", err, store.OutageCanceled)
}

func TestRedisKilledAndRestarted(t *testing.T) {
	server := testenv.Redis(t)
	s := openRedis(t, server.URL())
	id := mustCreate(t, s)
	server.Kill()
	for what, err := range operations(t, t.Context(), s, id) {
		wantKind(t, what, err, store.OutageConnection)
		if strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: the error tells the address: %v", what, err)
		}
	}
	wantKind(t, "ping", s.Ping(t.Context()), store.OutageConnection)
	server.Restart()
	eventually(t, time.Second, "ping", func() bool { return s.Ping(t.Context()) == nil })
	mustConsume(t, s, mustCreate(t, s)) // the script is unknown again as well
	wantRefused(t, s, id, ticket.ErrNotFound)
}

func TestRedisForgetsScripts(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openRedis(t, server.URL()), plainClient(t, server)
	for range 2 {
		id := mustCreate(t, s)
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		mustConsume(t, s, id)
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		refused := ticket.Mark{State: ticket.Refused, At: redeemed("").At, Attempt: "a", Reason: "wrong_origin"}
		if err := s.Settle(t.Context(), id, refused); err != nil {
			t.Errorf("settle: %v", err)
		}
		wantRefused(t, s, id, ticket.ErrSpent)
	}
}

func TestRedisFlushed(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openRedis(t, server.URL()), plainClient(t, server)
	live, spent := mustCreate(t, s), mustCreate(t, s)
	mustConsume(t, s, spent)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []ticket.ID{live, spent} {
		wantRefused(t, s, id, ticket.ErrNotFound)
		wantErr(t, "settle", s.Settle(t.Context(), id, redeemed("a")), ticket.ErrNotFound)
	}
}

// A full server refuses; what it holds stays good for when there is room.
func TestRedisOutOfMemory(t *testing.T) {
	server := testenv.Redis(t, "--maxmemory-policy", "noeviction")
	s, client := openRedis(t, server.URL()), plainClient(t, server)
	id := mustCreate(t, s)
	setMaxMemory := func(bytes string) {
		if err := client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	setMaxMemory("1")
	err := s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
	wantKind(t, "create", err, store.OutageMemory)
	_, err = s.Consume(t.Context(), id, redeemed("a"), retry)
	wantKind(t, "consume", err, store.OutageMemory)
	setMaxMemory("0")
	mustConsume(t, s, id)
}

func TestRedisCredentials(t *testing.T) {
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
			s := openRedis(t, "redis://"+tt.userinfo+server.Addr())
			err := s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
			if !tt.denied {
				wantErr(t, "create", err, nil)
				return
			}
			wantKind(t, "create", err, store.OutageDenied)
			if strings.Contains(err.Error(), "trout") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestRedisWithoutPermission(t *testing.T) {
	server := testenv.Redis(t)
	err := plainClient(t, server).ACLSetUser(t.Context(), "clerk", "on", "nopass", "~wst:*", "+set", "+hello").Err()
	if err != nil {
		t.Fatal(err)
	}
	s := openRedis(t, "redis://clerk:x@"+server.Addr())
	for what, err := range operations(t, t.Context(), s, ticket.NewID()) {
		wantKind(t, what, err, store.OutageDenied)
	}
}

// The server's own clock ends a ticket, with nobody's help.
func TestRedisRealExpiry(t *testing.T) {
	server := testenv.Redis(t)
	s := openRedis(t, server.URL())
	id := ticket.NewID()
	start := time.Now()
	if err := s.Create(t.Context(), id, record("grant"), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, "the end of the ticket", func() bool {
		_, err := s.Lookup(t.Context(), id)
		return err != nil
	})
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("the ticket ended after %v, want 50ms", took)
	}
	wantRefused(t, s, id, ticket.ErrNotFound)
}
