package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/live"
	"wsticket/ticket"
)

// bubble runs do in fake time, with a context that ends with it.
func bubble(t *testing.T, do func(ctx context.Context, t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		do(ctx, t)
	})
}

func end(subject string) ticket.Revocation {
	return ticket.Revocation{Selector: ticket.Selector{Subject: subject}, Action: ticket.RevokeEnd}
}

// knows fails the test unless all of the users are revoked in b.
func (b *bench) knows(t *testing.T, rule string, subjects ...string) {
	t.Helper()
	for _, subject := range subjects {
		if err := b.Check(t.Context(), of(subject, time.Now().Add(-time.Minute))); !isRevoked(err) {
			t.Errorf("%s: Check of %s = %v, want %v", rule, subject, err, ticket.ErrBearerRevoked)
		}
	}
}

// names returns n users.
func names(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("user-%d", i))
	}
	return all
}

// What one process revokes ends connections in another one, and is known to one that
// starts later before it admits anybody.
func TestRevocationReachesEveryProcess(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T) {
		stream := newRiver()
		one, two := join(ctx, t, stream, nil), join(ctx, t, stream, nil)
		mine, theirs, bob := one.connect(t, of("alice", time.Now())), two.connect(t, of("alice", time.Now())), two.connect(t, of("bob", time.Now()))
		if err := one.Revoke(ctx, end("alice")); err != nil {
			t.Fatal(err)
		}
		if len(mine.endings()) != 1 {
			t.Error("the connection of the process itself is open when Revoke returns")
		}
		synctest.Wait()
		if got := theirs.endings(); len(got) != 1 || got[0] != ticket.EndRevoked {
			t.Errorf("that of the other process is ended with %v, want %v", got, ticket.EndRevoked)
		}
		if len(bob.endings()) != 0 {
			t.Error("another user's connection is ended")
		}
		late := join(ctx, t, stream, nil)
		late.knows(t, "a process that starts later", "alice")
		if got := one.RevocationStats(); got.Stale > 2*time.Second {
			t.Errorf("stats %+v, want that the stream was read", got)
		}
	})
}

// Nobody is admitted before the stream was read once, and before it was read up to
// what the store knew when it consumed the ticket.
func TestAdmissionWaitsForTheStream(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T) {
		stream := newRiver()
		b := newBench(t, live.Options{Issuers: issuers(), Stream: stream, SealKeys: sealKeys})
		if err := b.Check(ctx, of("alice", time.Now())); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("before it was read: Check = %v, want %v", err, ticket.ErrUnavailable)
		}
		if err := b.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		other := join(ctx, t, stream, nil)
		if err := other.Revoke(ctx, end("alice")); err != nil {
			t.Fatal(err)
		}
		grant := of("alice", time.Now())
		if err := b.Check(ctx, grant); err != nil {
			t.Errorf("a process that has not read on: Check = %v, want nil", err)
		}
		grant.Head = stream.head()
		if err := b.Check(ctx, grant); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("with the head of the stream, which nobody reads: Check = %v, want %v", err, ticket.ErrUnavailable)
		}
		go b.Follow(ctx)
		if err := b.Check(ctx, grant); !isRevoked(err) {
			t.Errorf("with the head of the stream: Check = %v, want %v", err, ticket.ErrBearerRevoked)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		grant.Head.Sequence++
		if err := b.Check(gone, grant); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("a client that has left: Check = %v, want %v", err, ticket.ErrUnavailable)
		}
	})
}

func TestSyncEndsWithItsContext(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T) {
		stream := newRiver()
		stream.setAway(true)
		b := newBench(t, live.Options{Stream: stream, SealKeys: sealKeys})
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if err := b.Sync(ctx); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("Sync = %v, want %v", err, ticket.ErrUnavailable)
		}
		alone := newBench(t, live.Options{})
		if err := alone.Sync(ctx); err != nil {
			t.Errorf("Sync without a stream = %v, want nil", err)
		}
		alone.Follow(ctx) // returns at once
	})
}

// Whatever the store loses, nothing is forgotten while one process lives that knows
// it, and a process that starts afterwards learns it.
func TestNothingIsForgottenWhileOneProcessLives(t *testing.T) {
	for rule, lose := range map[string]func(*river){
		"a restart without persistence": (*river).restart,
		"a failover that loses some":    func(s *river) { s.failOver(3) },
		"somebody trims the stream":     (*river).trim,
		"twice": func(s *river) {
			s.restart()
			s.restart()
		},
	} {
		bubble(t, func(ctx context.Context, t *testing.T) {
			stream := newRiver()
			one, two := join(ctx, t, stream, nil), join(ctx, t, stream, nil)
			users := names(200)
			for i, subject := range users {
				if err := []*bench{one, two}[i%2].Revoke(ctx, end(subject)); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			before, _ := stream.counts()
			lose(stream)
			<-time.After(3 * time.Second)
			late := join(ctx, t, stream, nil)
			late.knows(t, rule, users...)
			one.knows(t, rule, users...)
			after, _ := stream.counts()
			if after > before+30 {
				t.Errorf("%s: the stream has %d entries, and had %d: want few with many revocations", rule, after, before)
			}
			if got := one.RevocationStats(); got.Restarts == 0 || (got.Gaps > 0) != strings.Contains(rule, "trims") {
				t.Errorf("%s: stats %+v, want that it was noticed", rule, got)
			}
		})
	}
}

// While the store is away or full, the caller is told, the effect in this process
// stays, and the others learn of it afterwards.
func TestRevocationDuringAnOutage(t *testing.T) {
	for rule, set := range map[string]func(*river, bool){"away": (*river).setAway, "full": (*river).setFull} {
		bubble(t, func(ctx context.Context, t *testing.T) {
			stream := newRiver()
			one, two := join(ctx, t, stream, nil), join(ctx, t, stream, nil)
			mine, theirs := one.connect(t, of("alice", time.Now())), two.connect(t, of("alice", time.Now()))
			<-time.After(time.Second)
			set(stream, true)
			if err := one.Revoke(ctx, end("alice")); !errors.Is(err, ticket.ErrUnavailable) {
				t.Errorf("%s: Revoke = %v, want %v", rule, err, ticket.ErrUnavailable)
			}
			if len(mine.endings()) != 1 {
				t.Errorf("%s: the connection in this process is open", rule)
			}
			one.knows(t, rule, "alice")
			<-time.After(10 * time.Second)
			if len(theirs.endings()) != 0 {
				t.Errorf("%s: the other process knows, want that it cannot", rule)
			}
			set(stream, false)
			<-time.After(time.Second + 2*time.Second) // of a read that waits
			if len(theirs.endings()) != 1 {
				t.Errorf("%s: the connection in the other process is open, 3 s after the store is back", rule)
			}
			_, appends := stream.counts()
			<-time.After(time.Minute)
			if _, now := stream.counts(); now != appends {
				t.Errorf("%s: %d entries in a quiet minute, want none", rule, now-appends)
			}
		})
	}
}

// A process whose link was cut does within a second of its return what it missed.
func TestCutProcessCatchesUp(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T) {
		stream := newRiver()
		link := &cut{Stream: stream}
		one, two := join(ctx, t, stream, nil), join(ctx, t, link, nil)
		p := two.connect(t, of("alice", time.Now()))
		link.away.Store(true)
		<-time.After(5 * time.Second)
		if err := one.Revoke(ctx, end("alice")); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second)
		if len(p.endings()) != 0 {
			t.Error("it is ended although the link is cut")
		}
		link.away.Store(false)
		<-time.After(time.Second)
		if len(p.endings()) != 1 {
			t.Error("it is open a second after the link is back")
		}
	})
}

// cut is the link of one process.
type cut struct {
	ticket.Stream
	away atomic.Bool
}

// Read implements ticket.Stream.
func (c *cut) Read(ctx context.Context, after ticket.Position) (ticket.Batch, error) {
	if c.away.Load() {
		return ticket.Batch{}, fmt.Errorf("read: %w", ticket.ErrUnavailable)
	}
	return c.Stream.Read(ctx, after)
}

// Whoever writes to the store ends nobody, and whoever reads it learns nobody.
func TestForgedEntries(t *testing.T) {
	bubble(t, func(ctx context.Context, t *testing.T) {
		stream := newRiver()
		var log strings.Builder
		one := join(ctx, t, stream, func(o *live.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		p := one.connect(t, of("alice", time.Now()))
		stranger, err := ticket.NewSeal([][]byte{[]byte("another key of thirty-two bytes!")}, "revocation")
		if err != nil {
			t.Fatal(err)
		}
		ours, err := ticket.NewSeal(sealKeys, "revocation", "question")
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(`[{"iss":"https://id.example.com","sub":"alice","before":"2100-01-01T00:00:00Z","action":"end","expires_at":"2100-01-02T00:00:00Z"}]`)
		for _, entry := range [][]byte{nil, []byte("x"), text, stranger.Seal("revocation", text), ours.Seal("question", text), ours.Seal("revocation", []byte("{"))} {
			stream.put(entry)
		}
		synctest.Wait()
		if len(p.endings()) != 0 || one.RevocationStats().Active != 0 {
			t.Error("a forged entry has an effect")
		}
		if got := one.RevocationStats().Forged; got != 6 {
			t.Errorf("%d forged entries were counted, want 6", got)
		}
		if n := strings.Count(log.String(), "does not open"); n != 1 {
			t.Errorf("%d lines, want one for all within a minute:\n%s", n, log.String())
		}
		if err := one.Revoke(ctx, end("alice")); err != nil {
			t.Fatal(err)
		}
		entries, _ := stream.counts()
		last := stream.entries[entries-1].data
		if strings.Contains(string(last), "alice") || strings.Contains(string(last), "example") {
			t.Errorf("the entry %q names a user or an issuer", last)
		}
		before := one.RevocationStats()
		stream.put(last) // once more
		synctest.Wait()
		if got := one.RevocationStats(); got.Active != before.Active || got.Forged != before.Forged {
			t.Errorf("stats %+v after a replay, want %+v", got, before)
		}
	})
}

// By default connections outlast a stream that cannot be read. With MaxStale they do
// not, and nobody is admitted until it can be read again.
func TestMaxStale(t *testing.T) {
	for rule, row := range map[string]struct {
		max  time.Duration
		ends bool
	}{"the default": {0, false}, "10 s": {10 * time.Second, true}, "an hour": {time.Hour, false}} {
		bubble(t, func(ctx context.Context, t *testing.T) {
			stream := newRiver()
			b := join(ctx, t, stream, func(o *live.Options) { o.MaxStale = row.max })
			p := b.connect(t, of("alice", time.Now()))
			<-time.After(time.Minute)
			if len(p.endings()) != 0 {
				t.Fatalf("%s: ended while all is well", rule)
			}
			stream.setAway(true)
			<-time.After(8 * time.Second)
			if len(p.endings()) != 0 {
				t.Errorf("%s: ended after 8 s", rule)
			}
			<-time.After(20 * time.Second)
			if got := p.endings(); (len(got) == 1) != row.ends || row.ends && got[0] != ticket.EndOverload {
				t.Errorf("%s: ended with %v after 28 s", rule, got)
			}
			if err := b.Check(ctx, of("bob", time.Now())); errors.Is(err, ticket.ErrUnavailable) != row.ends {
				t.Errorf("%s: Check = %v", rule, err)
			}
			stream.setAway(false)
			<-time.After(3 * time.Second) // a read waits for 2 s
			if err := b.Check(ctx, of("bob", time.Now())); err != nil {
				t.Errorf("%s: Check = %v when the store is back, want nil", rule, err)
			}
			if row.max == 0 {
				p.leave(1000)
			}
		})
	}
}

func TestOptionsOfTheStream(t *testing.T) {
	t.Parallel()
	for field, o := range map[string]live.Options{
		"SealKeys": {Stream: newRiver()},
		"MaxStale": {MaxStale: -1},
	} {
		_, err := live.New(o)
		if fault, ok := errors.AsType[*ticket.OptionError](err); !ok || fault.Field != field {
			t.Errorf("New = %v, want a fault of %s", err, field)
		}
	}
	if _, err := live.New(live.Options{SealKeys: [][]byte{[]byte("short")}}); err == nil {
		t.Error("New takes a seal key that is none")
	}
}
