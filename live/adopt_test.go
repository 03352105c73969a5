package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// adopt gives a registry other settings, as a reload does.
func adopt(t testing.TB, r *live.Registry, o live.Options) {
	t.Helper()
	from, err := live.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Adopt(from)
}

// Connections of an issuer that was removed stay, and can be revoked; the issuers that
// are left are those that a revocation may leave out.
func TestAdoptIssuers(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{Issuers: issuers()})
	open := b.connect(t, of("alice", time.Now().Add(-time.Minute)))
	other := live.Issuer{Name: "https://other.example.com", Leeway: time.Second, MaxLifetime: time.Minute}
	adopt(t, b.Registry, live.Options{Issuers: []live.Issuer{other}})
	if got := open.endings(); len(got) > 0 {
		t.Errorf("the connection ended: %v", got)
	}
	v, err := b.Prepare(ticket.Revocation{Selector: ticket.Selector{Subject: "bob"}, Action: ticket.RevokeEnd})
	if err != nil || v.Issuer != other.Name {
		t.Errorf("the issuer that is left out: got %q, %v, want the one that is left", v.Issuer, err)
	}
	if err := b.Revoke(t.Context(), ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer}, Action: ticket.RevokeEnd}); err != nil {
		t.Errorf("revoke an issuer that was removed: %v", err)
	}
	if got := open.endings(); len(got) != 1 {
		t.Errorf("the connection has ended %v, want once", got)
	}
	strange := ticket.Revocation{Selector: ticket.Selector{Issuer: "https://strange.example.com"}, Action: ticket.RevokeEnd}
	if err := b.Revoke(t.Context(), strange); !errors.Is(err, ticket.ErrInvalidRequest) {
		t.Errorf("a strange issuer: got %v, want ErrInvalidRequest", err)
	}
	for n := range 300 { // which are not remembered for ever
		adopt(t, b.Registry, live.Options{Issuers: []live.Issuer{{Name: fmt.Sprint("https://example.com/", n), MaxLifetime: time.Hour}}})
	}
	if err := b.Revoke(t.Context(), ticket.Revocation{Selector: ticket.Selector{Issuer: "https://example.com/298"}, Action: ticket.RevokeEnd}); err != nil {
		t.Errorf("the issuer that was removed last: %v", err)
	}
}

// What another process says is opened by the keys of now.
func TestAdoptSealKeys(t *testing.T) {
	next := bytes.Repeat([]byte("n"), ticket.SealKeyLen)
	bubble(t, func(ctx context.Context, t *testing.T) {
		stream := newRiver()
		one, two := join(ctx, t, stream, nil), join(ctx, t, stream, nil)
		revoke := func(rule, subject string, from, at *bench, ends bool) {
			t.Helper()
			p := at.connect(t, of(subject, time.Now().Add(-time.Minute)))
			if err := from.Revoke(ctx, ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, Subject: subject}, Action: ticket.RevokeEnd}); err != nil {
				t.Fatalf("%s: %v", rule, err)
			}
			synctest.Wait()
			if got := len(p.endings()); (got == 1) != ends {
				t.Errorf("%s: ended %d times", rule, got)
			}
		}
		revoke("before", "a", one, two, true)
		keys := func(all ...[]byte) live.Options { return live.Options{Issuers: issuers(), SealKeys: all} }
		adopt(t, two.Registry, keys(sealKeys[0], next))
		adopt(t, one.Registry, keys(next, sealKeys[0]))
		revoke("the new key", "b", one, two, true)
		revoke("the old key", "c", two, one, true)
		adopt(t, two.Registry, keys(sealKeys[0]))
		revoke("a key that the other one has no longer", "d", one, two, false)
	})
}

// namedLeases is a Leases that knows the places by their keys.
type namedLeases struct {
	mu   sync.Mutex
	held map[string]string // key by place
}

func (l *namedLeases) Take(_ context.Context, key, id string, _ int, _ bool) (place string, displaced []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[key+"/"+id] = key
	return id, nil, nil
}

func (l *namedLeases) Keep(_ context.Context, keys, places []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range keys {
		l.held[keys[i]+"/"+places[i]] = keys[i]
	}
	return nil
}

func (l *namedLeases) Release(_ context.Context, keys, places []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range keys {
		delete(l.held, keys[i]+"/"+places[i])
	}
	return nil
}

func (l *namedLeases) keys() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]bool)
	for _, key := range l.held {
		all[key] = true
	}
	return all
}

// Places move to the names that they have under the new key, at once, and are given up
// there.
func TestAdoptMovesPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases := &namedLeases{held: make(map[string]string)}
		o := live.Options{MaxPerSubject: 5, Leases: leases, SealKeys: sealKeys}
		b := newBench(t, o)
		ctx, stop := context.WithCancel(t.Context())
		var keeping sync.WaitGroup
		keeping.Go(func() { b.KeepPlaces(ctx) })
		first, second := wantOpen(t, b, "one", "1", "alice"), wantOpen(t, b, "two", "2", "alice")
		before := leases.keys()
		second.leave(1000)
		o.SealKeys = append([][]byte{bytes.Repeat([]byte("n"), ticket.SealKeyLen)}, sealKeys...)
		adopt(t, b.Registry, o)
		synctest.Wait()
		after := leases.keys()
		if len(before) != 1 || len(after) != 1 {
			t.Errorf("got keys %v and %v, want one each", before, after)
		}
		for key := range after {
			if before[key] {
				t.Errorf("the place is still under %s", key)
			}
		}
		first.leave(1000)
		synctest.Wait()
		if got := leases.keys(); len(got) > 0 {
			t.Errorf("places are left under %v", got)
		}
		stop()
		keeping.Wait()
	})
}

// A feed goes on while keys change: cursors and entries of the old key are read, and
// those who consume under the new one find the feed.
func TestAdoptKeysOfFeeds(t *testing.T) {
	t.Parallel()
	h := newFeedHouse(t, nil)
	f := h.open(t, "key:chat", "")
	h.grant(t, "key:chat", feedGrant("1aaaaaaaaaaaaaaaaaaaaa", time.Hour))
	_, cursor, err := f.Next()
	if err != nil {
		t.Fatal(err)
	}
	next, err := live.NewFeeds(h.registry, live.FeedOptions{SealKeys: [][]byte{bytes.Repeat([]byte{9}, 32), make([]byte, 32)}})
	if err != nil {
		t.Fatal(err)
	}
	h.Adopt(next)
	h.grant(t, "key:chat", feedGrant("2aaaaaaaaaaaaaaaaaaaaa", time.Hour))
	again := h.open(t, "key:chat", cursor)
	for _, id := range []ticket.ID{"1aaaaaaaaaaaaaaaaaaaaa", "2aaaaaaaaaaaaaaaaaaaaa"} {
		test.Wait(t, "the feed knows "+string(id), func() bool { return h.registry.Disconnect(t.Context(), id) == nil })
		for _, feed := range []*live.Feed{f, again} {
			test.Wait(t, "the feed tells", func() bool {
				events, _, err := feed.Next()
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					if e.TicketID == id {
						return true
					}
				}
				return false
			})
		}
	}
}
