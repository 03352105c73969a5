package live_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// add opens a connection of somebody.
func (b *bench) add(t *testing.T, id ticket.ID, who ticket.Identity) *peer {
	t.Helper()
	p := &peer{polite: true}
	p.Connection = &live.Connection{
		Grant:        ticket.Grant{ID: id, Identity: who, Audience: "chat"},
		Presentation: ticket.Presentation{Door: ticket.DoorQuery},
	}
	if err := b.Add(context.Background(), p.Connection); err != nil {
		t.Fatal(err)
	}
	p.Attach(p)
	t.Cleanup(func() { p.leave(1000) })
	return p
}

func (b *bench) list(t *testing.T, q live.Query) (ids []ticket.ID, next ticket.ID) {
	t.Helper()
	got, err := b.List(t.Context(), q)
	if err != nil || len(got.Missing) > 0 || len(got.Nodes) != 1 {
		t.Fatalf("%+v: nodes %v, missing %v, error %v", q, got.Nodes, got.Missing, err)
	}
	for _, c := range got.Connections {
		ids = append(ids, c.ID)
	}
	return ids, got.Next
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{})
	elsewhere := test.Alice()
	elsewhere.Issuer, elsewhere.SessionID = "https://other.example.com", "s-other"
	b.add(t, "a", test.Alice())
	b.add(t, "b", test.Bob())
	b.add(t, "c", elsewhere)
	alice := test.Alice()
	for _, row := range []struct {
		rule string
		q    live.Query
		want []ticket.ID
	}{
		{"all", live.Query{}, []ticket.ID{"a", "b", "c"}},
		{"an issuer", live.Query{Issuer: alice.Issuer}, []ticket.ID{"a", "b"}},
		{"a subject of any issuer", live.Query{Subject: "alice"}, []ticket.ID{"a", "c"}},
		{"a user", live.Query{Issuer: alice.Issuer, Subject: "alice"}, []ticket.ID{"a"}},
		{"a session", live.Query{Issuer: alice.Issuer, SessionID: alice.SessionID}, []ticket.ID{"a"}},
		{"a session of any issuer", live.Query{SessionID: "s-other"}, []ticket.ID{"c"}},
		{"a session of another user", live.Query{Issuer: alice.Issuer, SessionID: alice.SessionID, Subject: "bob"}, nil},
		{"nobody", live.Query{Subject: "carol"}, nil},
	} {
		if got, next := b.list(t, row.q); !slices.Equal(got, row.want) || next != "" {
			t.Errorf("%s: got %v, next %q, want %v and no other page", row.rule, got, next, row.want)
		}
	}
}

// Whoever reads all pages gets each connection once, also while others come and go.
func TestListPages(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{})
	var want []ticket.ID
	peers := map[ticket.ID]*peer{}
	for i := range 25 {
		id := ticket.ID(fmt.Sprintf("c%02d", i))
		peers[id] = b.add(t, id, test.Alice())
		want = append(want, id)
	}
	var got []ticket.ID
	q := live.Query{Limit: 10}
	for pages := 1; ; pages++ {
		ids, next := b.list(t, q)
		got = append(got, ids...)
		peers[ids[0]].leave(1000) // also the one that a cursor names
		peers[ids[len(ids)-1]].leave(1000)
		if q.After = next; next == "" {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if ids, _ := b.list(t, live.Query{}); len(ids) != 25-6 {
		t.Errorf("then %d are left, want 19", len(ids))
	}
}

func TestListIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{})
	for i := range live.MaxPage + 1 {
		b.add(t, ticket.ID(fmt.Sprintf("c%04d", i)), test.Alice())
	}
	for limit, want := range map[int]int{0: live.DefaultPage, -1: 1, 3: 3, 1 << 30: live.MaxPage} {
		if got, next := b.list(t, live.Query{Limit: limit}); len(got) != want || next == "" {
			t.Errorf("limit %d: got %d, next %q, want %d and another page", limit, len(got), next, want)
		}
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{})
	p, other := b.add(t, "one", test.Alice()), b.add(t, "two", test.Alice())
	if err := b.Disconnect(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if got := p.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndRevoked}) {
		t.Errorf("ended with %v, want %v", got, ticket.EndRevoked)
	}
	if got := other.endings(); len(got) > 0 {
		t.Errorf("another connection was ended with %v", got)
	}
	for _, id := range []ticket.ID{"one", "unknown"} {
		if err := b.Disconnect(t.Context(), id); !errors.Is(err, ticket.ErrNotFound) {
			t.Errorf("%s: got %v, want %v", id, err, ticket.ErrNotFound)
		}
	}
}
