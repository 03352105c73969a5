package live_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/audit/sqlite"
	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// ledger is a database that can be away.
type ledger struct {
	*sqlite.Store
	away atomic.Bool
	puts atomic.Int64
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	s, err := sqlite.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &ledger{Store: s}
}

func (l *ledger) PutRevocations(ctx context.Context, all []ticket.Revocation) error {
	if l.away.Load() {
		return ticket.ErrUnavailable
	}
	l.puts.Add(1)
	return l.Store.PutRevocations(ctx, all)
}

func (l *ledger) Revocations(ctx context.Context, now time.Time) ([]ticket.Revocation, error) {
	if l.away.Load() {
		return nil, ticket.ErrUnavailable
	}
	return l.Store.Revocations(ctx, now)
}

// subjects returns whose revocations are stored.
func (l *ledger) subjects(t *testing.T) []string {
	t.Helper()
	all, err := l.Store.Revocations(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range all {
		names = append(names, v.Subject)
	}
	slices.Sort(names)
	return names
}

func durable(l *ledger) func(*live.Options) {
	return func(o *live.Options) { o.Durable = l }
}

func subject(name string) ticket.Revocation {
	return ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, Subject: name}, Action: ticket.RevokeEnd}
}

// A process that starts with an empty memory and without a stream knows what another one
// was asked for before, once that was told that it is done.
func TestDurableRevocations(t *testing.T) {
	t.Parallel()
	log := newLedger(t)
	first := join(t.Context(), t, nil, durable(log))
	alice := of("alice", time.Now())
	if err := first.Revoke(t.Context(), subject("alice"), subject("bob")); err != nil {
		t.Fatal(err)
	}
	later := join(t.Context(), t, nil, durable(log))
	if err := later.Check(t.Context(), alice); !isRevoked(err) {
		t.Errorf("alice after a restart: %v, want revoked", err)
	}
	if err := later.Check(t.Context(), of("carol", time.Now())); err != nil {
		t.Errorf("carol: %v", err)
	}
	if got := later.RevocationStats().Active; got != 2 {
		t.Errorf("%d revocations are active, want 2", got)
	}
}

// Also a file does it, for which the process does not have to end well.
func TestDurableFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "wsticket.db")
	open := func() *ledger {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return &ledger{Store: s}
	}
	one := open()
	if err := one.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	first := join(t.Context(), t, nil, durable(one))
	alice := of("alice", time.Now())
	if err := first.Revoke(t.Context(), subject("alice")); err != nil {
		t.Fatal(err)
	}
	if err := join(t.Context(), t, nil, durable(open())).Check(t.Context(), alice); !isRevoked(err) {
		t.Errorf("another handle: %v, want revoked", err)
	}
}

// What cannot be stored is an error. It is in force here all the same, and stored as soon
// as that is possible.
func TestDurableAway(t *testing.T) {
	t.Parallel()
	log := newLedger(t)
	b := join(t.Context(), t, nil, durable(log))
	log.away.Store(true)
	alice := of("alice", time.Now())
	if err := b.Revoke(t.Context(), subject("alice")); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("Revoke: %v, want ErrUnavailable", err)
	}
	if err := b.Check(t.Context(), alice); !isRevoked(err) {
		t.Errorf("here: %v, want revoked", err)
	}
	// Whoever asks again is told again.
	if err := b.Revoke(t.Context(), subject("alice")); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("the second call: %v, want ErrUnavailable", err)
	}
	log.away.Store(false)
	test.Wait(t, "the revocation is stored", func() bool { return slices.Equal(log.subjects(t), []string{"alice"}) })
}

// Nobody is admitted while it cannot be read what was revoked.
func TestDurableUnread(t *testing.T) {
	t.Parallel()
	log := newLedger(t)
	log.away.Store(true)
	b := newBench(t, live.Options{Issuers: issuers(), Durable: log})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.Sync(ctx); !errors.Is(err, ticket.ErrUnavailable) || !errors.Is(err, live.ErrLog) {
		t.Errorf("Sync: %v, want ErrLog and ErrUnavailable", err)
	}
	log.away.Store(false)
	if err := b.Sync(t.Context()); err != nil {
		t.Errorf("Sync: %v", err)
	}
}

// A stream that is new and empty gets what is stored, also for processes without a database.
func TestDurableIntoNewStream(t *testing.T) {
	t.Parallel()
	log := newLedger(t)
	alice := of("alice", time.Now())
	if err := join(t.Context(), t, newRiver(), durable(log)).Revoke(t.Context(), subject("alice")); err != nil {
		t.Fatal(err)
	}
	empty := newRiver()
	other := join(t.Context(), t, empty, nil)
	connected := other.connect(t, alice)
	join(t.Context(), t, empty, durable(log))
	test.Wait(t, "the other process knows it", func() bool { return isRevoked(other.Check(t.Context(), alice)) })
	test.Wait(t, "its connection is ended", func() bool { return len(connected.endings()) > 0 })
}

// A database that is new gets what the stream has.
func TestStreamIntoNewDatabase(t *testing.T) {
	t.Parallel()
	stream, log := newRiver(), newLedger(t)
	if err := join(t.Context(), t, stream, nil).Revoke(t.Context(), subject("alice"), subject("bob")); err != nil {
		t.Fatal(err)
	}
	join(t.Context(), t, stream, durable(log))
	test.Wait(t, "the database has it", func() bool { return slices.Equal(log.subjects(t), []string{"alice", "bob"}) })
}

// One process stores what all of them learn, and nobody stores that a single ticket or
// connection was revoked.
func TestDurableOnce(t *testing.T) {
	t.Parallel()
	stream, log, second := newRiver(), newLedger(t), newLedger(t)
	one, two := join(t.Context(), t, stream, durable(log)), join(t.Context(), t, stream, durable(second))
	grant := of("alice", time.Now())
	if err := one.Revoke(t.Context(), subject("alice"), ticket.Revocation{Selector: ticket.Selector{TicketID: grant.ID}, Action: ticket.RevokeEnd}); err != nil {
		t.Fatal(err)
	}
	test.Wait(t, "the other process knows it", func() bool { return isRevoked(two.Check(t.Context(), grant)) })
	if got := log.subjects(t); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("%q are stored, want alice alone", got)
	}
	if got := second.puts.Load(); got != 0 {
		t.Errorf("the other process has stored it, too, in %d calls", got)
	}
}
