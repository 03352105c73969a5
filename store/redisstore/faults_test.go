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
// in any state of Redis: the store's timeout, and what a busy machine needs for
// hundreds of callers. Without the timeout they wait for many seconds.
const answerWithin = redisstore.DefaultTimeout + 2*time.Second

// The caller's own deadline applies if it is earlier than the store's, and the
// error says which of them it was.
func TestCallersDeadline(t *testing.T) {
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	id := fixture.Create(t, s)
	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Consume(ctx, id, fixture.Redeemed("a"), fixture.Retry)
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
