package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/live"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// node starts a process that shares a Redis with others.
func node(t *testing.T, url string, o live.Options) *bench {
	t.Helper()
	store, err := redisstore.Open(url, redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.Stream, o.Leases, o.SealKeys = store, store.Leases(), [][]byte{bytes.Repeat([]byte{7}, 32)}
	b := newBench(t, o)
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { b.Follow(ctx) })
	running.Go(func() { b.KeepPlaces(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		_ = store.Close()
	})
	return b
}

// A limit holds for all processes together, and a place that is free in one is free
// for all.
func TestMaxPerSubjectOfTwoProcesses(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t).URL()
	a, b := node(t, url, live.Options{MaxPerSubject: 2}), node(t, url, live.Options{MaxPerSubject: 2})
	first, second := wantOpen(t, a, "at a", "1", "alice"), wantOpen(t, b, "at b", "2", "alice")
	wantTooMany(t, a, "one more at a", "3", "alice")
	wantTooMany(t, b, "one more at b", "4", "alice")
	other := wantOpen(t, b, "of somebody else", "5", "bob")
	first.leave(1000)
	var third *peer
	test.Wait(t, "the place to be free at b", func() bool {
		var err error
		third, err = b.enterAs("6", "alice")
		return err == nil
	})
	for _, p := range []*peer{second, third, other} {
		p.leave(1000)
	}
}

// Two tabs at two processes: the newer one wins, and the older one is told so, not to
// come back.
func TestReplaceOldestOfTwoProcesses(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t).URL()
	o := live.Options{MaxPerSubject: 1, ReplaceOldest: true}
	nodes := []*bench{node(t, url, o), node(t, url, o)}
	tabs := make([]*peer, 6)
	for i := range tabs {
		tabs[i] = wantOpen(t, nodes[i%2], "a tab", ticket.ID(fmt.Sprint(i)), "alice")
	}
	last := len(tabs) - 1
	for i, tab := range tabs[:last] {
		test.Wait(t, fmt.Sprintf("tab %d to be displaced", i), func() bool {
			return slices.Contains(tab.endings(), ticket.EndDisplaced)
		})
	}
	if got := tabs[last].endings(); len(got) > 0 {
		t.Errorf("the newest tab ended with %v, want it open", got)
	}
	tabs[last].leave(1000)
}

// A store that is away lets nobody in, because nobody knows how many there are.
func TestMaxPerSubjectOutage(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	a := node(t, server.URL(), live.Options{MaxPerSubject: 1})
	server.Kill()
	if _, err := a.enterAs("1", "alice"); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if n := a.Stats().Subjects; n != 0 {
		t.Errorf("%d subjects have connections, want none", n)
	}
}
