package redisstore_test

import (
	"strconv"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// A primary dies with an entry that its replica has not got, and the replica is
// promoted. A reader is told that the stream is another one, and what is offered again
// then arrives.
func TestStreamFailover(t *testing.T) {
	t.Parallel()
	servers := testenv.Sentinel(t)
	replica := servers.Servers()[1]
	s := openStore(t, servers.URL())
	kept := mustAppend(t, s, "kept")
	test.Wait(t, "the replica has it", func() bool { return replica.MustAsk("exists", stream) == int64(1) })
	r := reader{from: openStore(t, servers.URL())}
	r.want(t, "before", true, false, "kept")
	servers.CutReplication()
	mustAppend(t, s, "lost")
	r.want(t, "before it is lost", false, false, "lost")
	servers.KillPrimary()
	servers.AwaitFailover(t.Context())
	test.Wait(t, "the new primary answers", func() bool {
		b, err := r.from.Read(t.Context(), ticket.Position{})
		return err == nil && b.Next.Epoch != kept.Epoch
	})
	r.want(t, "after", true, false, "kept")
	test.Wait(t, "an entry offered again", func() bool {
		_, err := s.Append(t.Context(), []byte("lost"))
		return err == nil
	})
	r.want(t, "and on", false, false, "lost")
}

// A server that stops for a while, while a reader waits, loses nothing.
func TestStreamOfAFrozenServer(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	s, writer := openHasty(t, server.URL()), openStore(t, server.URL())
	at := mustAppend(t, s, "read")
	frozen := make(chan error)
	go func() {
		for { // until the server no longer answers
			if _, err := s.Read(t.Context(), at); err != nil {
				frozen <- err
				return
			}
		}
	}()
	server.Freeze()
	wantKind(t, "a reader", <-frozen, redisstore.OutageTimeout)
	server.Thaw()
	r := reader{from: openStore(t, server.URL()), at: at}
	entries := make([]string, 10)
	for i := range entries {
		entries[i] = strconv.Itoa(i)
	}
	mustAppend(t, writer, entries...)
	r.want(t, "after", false, false, entries...)
}
