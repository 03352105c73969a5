package live_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

const feedTicket = "4B8xiXBODIlsV0VSjvtzly"

// feedHouse is a process: a registry and its feeds.
type feedHouse struct {
	*live.Feeds
	registry *live.Registry
}

func newFeedHouse(t *testing.T, store ticket.FeedStore) feedHouse {
	t.Helper()
	who := test.Alice()
	r, err := live.New(live.Options{Issuers: []live.Issuer{{Name: who.Issuer, MaxLifetime: 24 * time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := live.NewFeeds(r, live.FeedOptions{Store: store, SealKeys: [][]byte{make([]byte, 32)}})
	if err != nil {
		t.Fatal(err)
	}
	return feedHouse{f, r}
}

func feedGrant(id ticket.ID, lasts time.Duration) ticket.Grant {
	who := test.Alice()
	who.IssuedAt, who.ExpiresAt = time.Now().Add(-time.Minute), time.Now().Add(lasts)
	return ticket.Grant{ID: id, Identity: who, Audience: "chat", ConnectionExpiresAt: who.ExpiresAt}
}

func (h feedHouse) open(t *testing.T, caller, since string) *live.Feed {
	t.Helper()
	f, err := h.Open(t.Context(), caller, since)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func (h feedHouse) grant(t *testing.T, caller string, g ticket.Grant) {
	t.Helper()
	if err := h.Granted(t.Context(), caller, g, netip.MustParseAddr("192.0.2.1")); err != nil {
		t.Fatal(err)
	}
}

// kept waits until the registry has a number of connections.
func (h feedHouse) kept(t *testing.T, n int) {
	t.Helper()
	test.Wait(t, "the grants in the registry", func() bool {
		got, err := h.registry.List(t.Context(), live.Query{})
		return err == nil && len(got.Connections) == n
	})
}

// next returns the first events, and the cursor behind them.
func next(t *testing.T, f *live.Feed) ([]live.FeedEvent, string) {
	t.Helper()
	for range 60 {
		events, cursor, err := f.Next()
		if err != nil {
			t.Fatal(err)
		}
		if len(events) > 0 {
			return events, cursor
		}
	}
	t.Fatal("nothing has come")
	return nil, ""
}

func wantEnded(t *testing.T, rule string, got []live.FeedEvent, how ticket.Ending) {
	t.Helper()
	if len(got) != 1 || got[0].TicketID != feedTicket || got[0].Ending != how || got[0].At.IsZero() {
		t.Errorf("%s: got %+v, want that %s ends with %+v", rule, got, feedTicket, how)
	}
}

func TestFeedOfARevocation(t *testing.T) {
	t.Parallel()
	h := newFeedHouse(t, nil)
	mine, others := h.open(t, "key:a", ""), h.open(t, "key:b", "")
	h.grant(t, "key:a", feedGrant(feedTicket, time.Hour))
	h.grant(t, "key:c", feedGrant("5B8xiXBODIlsV0VSjvtzly", time.Hour)) // it has no feed
	h.kept(t, 1)
	if err := h.registry.Disconnect(t.Context(), feedTicket); err != nil {
		t.Fatal(err)
	}
	got, cursor := next(t, mine)
	wantEnded(t, "the caller's", got, ticket.EndRevoked)
	h.kept(t, 0)
	if got, _, err := others.Next(); err != nil || len(got) > 0 {
		t.Errorf("another caller got %+v, %v; want nothing", got, err)
	}
	if _, err := h.Open(t.Context(), "key:b", cursor); !errors.Is(err, live.ErrCursor) {
		t.Errorf("another caller's cursor: got %v, want ErrCursor", err)
	}
	for _, bad := range []string{"x", "!", cursor + "A", cursor[1:]} {
		if _, err := h.Open(t.Context(), "key:a", bad); !errors.Is(err, live.ErrCursor) {
			t.Errorf("%q: got %v, want ErrCursor", bad, err)
		}
	}
	again, _ := next(t, h.open(t, "key:a", ""))
	wantEnded(t, "from the beginning", again, ticket.EndRevoked)
	if got, _, err := h.open(t, "key:a", cursor).Next(); err != nil || len(got) > 0 {
		t.Errorf("behind the cursor: got %+v, %v; want nothing", got, err)
	}
}

func TestFeedOfADeadlineAndARenewal(t *testing.T) {
	t.Parallel()
	h := newFeedHouse(t, nil)
	f := h.open(t, "key:a", "")
	h.grant(t, "key:a", feedGrant(feedTicket, time.Hour))
	h.kept(t, 1)
	fresh := feedGrant(feedTicket, 2*time.Hour).Identity
	until, err := h.registry.Renew(t.Context(), feedTicket, fresh)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := next(t, f)
	if len(got) != 1 || got[0].TicketID != feedTicket || !got[0].Until.Equal(until) || got[0].Ending != (ticket.Ending{}) {
		t.Errorf("got %+v, want the new deadline %s", got, until)
	}
	h.grant(t, "key:a", feedGrant("5B8xiXBODIlsV0VSjvtzly", -time.Second))
	got, _ = next(t, f)
	if len(got) != 1 || got[0].TicketID != "5B8xiXBODIlsV0VSjvtzly" || got[0].Ending != ticket.EndExpired {
		t.Errorf("got %+v, want that the other one's time is over", got)
	}
}

// sharedFeeds is a store that two processes have.
type sharedFeeds struct{ stream ticket.FeedStream }

func (s sharedFeeds) Feed(string) ticket.FeedStream { return s.stream }

// A process that stops ends nothing. The next one knows the grants.
func TestFeedOutlivesAProcess(t *testing.T) {
	t.Parallel()
	store := sharedFeeds{live.NewMemoryFeed()}
	first, second := newFeedHouse(t, store), newFeedHouse(t, store)
	f := first.open(t, "key:a", "")
	first.grant(t, "key:a", feedGrant(feedTicket, time.Hour))
	first.kept(t, 1)
	_, cursor, err := f.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.registry.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Next(); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("a feed of a process that stops: got %v, want ErrUnavailable", err)
	}
	f = second.open(t, "key:a", cursor)
	second.kept(t, 1)
	if err := second.registry.Disconnect(t.Context(), feedTicket); err != nil {
		t.Fatal(err)
	}
	got, _ := next(t, f)
	wantEnded(t, "at the next process", got, ticket.EndRevoked)
}

func TestFeedsAreBounded(t *testing.T) {
	t.Parallel()
	h := newFeedHouse(t, nil)
	var all []*live.Feed
	for range live.MaxFeeds {
		all = append(all, h.open(t, "key:a", ""))
	}
	if _, err := h.Open(t.Context(), "key:a", ""); !errors.Is(err, live.ErrFeeds) {
		t.Errorf("one more: got %v, want ErrFeeds", err)
	}
	h.open(t, "key:b", "")
	last := slices.Clone(all)[0]
	last.Close()
	h.open(t, "key:a", "")
}

// TestFeedStats counts what is open, and what is watched for it.
func TestFeedStats(t *testing.T) {
	t.Parallel()
	h := newFeedHouse(t, nil)
	first, second := h.open(t, "key:chat", ""), h.open(t, "key:chat", "")
	h.grant(t, "key:chat", feedGrant(feedTicket, time.Hour))
	h.kept(t, 1)
	if got := h.Stats(); got != (live.FeedStats{Open: 2, Connections: 1}) {
		t.Errorf("got %+v", got)
	}
	first.Close()
	second.Close()
	if got := h.Stats(); got != (live.FeedStats{}) {
		t.Errorf("after the end: got %+v", got)
	}
}
