package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

const stream = redisstore.DefaultPrefix + "{live}:revocations"

func mustAppend(t *testing.T, s ticket.Stream, entries ...string) (at ticket.Position) {
	t.Helper()
	for _, entry := range entries {
		var err error
		if at, err = s.Append(t.Context(), []byte(entry)); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// reader reads on and on.
type reader struct {
	from ticket.Stream
	at   ticket.Position
}

// want reads until entries have come, and wants no others.
func (r *reader) want(t *testing.T, what string, restarted, gap bool, entries ...string) {
	t.Helper()
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for first := true; first || len(got) < len(entries); first = false {
		b, err := r.from.Read(ctx, r.at)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if first && (b.Restarted != restarted || b.Gap != gap) {
			t.Errorf("%s: restarted %t, gap %t; want %t and %t", what, b.Restarted, b.Gap, restarted, gap)
		}
		for _, entry := range b.Entries {
			got = append(got, string(entry))
		}
		if !b.Next.Covers(r.at) && !b.Restarted {
			t.Errorf("%s: next is %+v after %+v", what, b.Next, r.at)
		}
		r.at = b.Next
	}
	if !slices.Equal(got, entries) {
		t.Errorf("%s: got %q, want %q", what, got, entries)
	}
}

func TestStreamIsReadInOrder(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	r := reader{from: s}
	r.want(t, "an empty stream", true, false)
	last := mustAppend(t, s, "one", "two\x00\xff", "")
	other := reader{from: openStore(t, server.URL())}
	for _, r := range []*reader{&r, &other} {
		restarted := r.at == (ticket.Position{})
		r.want(t, "three entries", restarted, false, "one", "two\x00\xff", "")
		if !r.at.Covers(last) || !last.Covers(r.at) {
			t.Errorf("read up to %+v, want %+v", r.at, last)
		}
	}
	var many []string
	for i := range 2500 {
		many = append(many, strconv.Itoa(i))
	}
	mustAppend(t, s, many...)
	r.want(t, "more than a batch", false, false, many...)
}

func TestStreamReadWaits(t *testing.T) {
	t.Parallel()
	s := openStore(t, testenv.Redis(t).URL())
	r := reader{from: s}
	r.want(t, "an empty stream", true, false)
	done := make(chan error)
	go func() {
		_, err := s.Append(t.Context(), []byte("later"))
		done <- err
	}()
	r.want(t, "what comes while it waits", false, false, "later")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b, err := s.Read(t.Context(), r.at)
	if err != nil || len(b.Entries) != 0 || b.Next != r.at {
		t.Errorf("nothing comes: got %+v, %v; want an empty batch at the same place", b, err)
	}
}

// A reader that waits stops with its context: within the two seconds that it would wait
// otherwise it got no answer.
func TestStreamReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := openStore(t, testenv.Redis(t).URL())
	r := reader{from: s}
	r.want(t, "an empty stream", true, false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Read(ctx, r.at)
		done <- err
	}()
	cancel()
	err := <-done
	wantKind(t, "a reader that gave up", err, redisstore.OutageCanceled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// Whatever Redis forgets, a reader is told to start again.
func TestStreamLosses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		lose      func(t *testing.T, server *testenv.RedisServer, s *redisstore.Store)
		restarted bool
		gap       bool
		left      []string
	}{
		"FLUSHALL": {func(_ *testing.T, server *testenv.RedisServer, _ *redisstore.Store) { server.MustAsk("flushall") }, true, true, nil},
		"FLUSHALL, and then others": {func(t *testing.T, server *testenv.RedisServer, s *redisstore.Store) {
			t.Helper()
			server.MustAsk("flushall")
			mustAppend(t, s, "new")
		}, true, true, []string{"new"}},
		"a restart without persistence": {func(_ *testing.T, server *testenv.RedisServer, _ *redisstore.Store) {
			server.Kill()
			server.Restart()
		}, true, false, nil},
		"somebody trims what was not read": {func(t *testing.T, server *testenv.RedisServer, s *redisstore.Store) {
			t.Helper()
			mustAppend(t, s, "lost", "kept")
			server.MustAsk("xtrim", stream, "maxlen", "1")
		}, true, true, []string{"kept"}},
		"somebody trims what was read": {func(t *testing.T, server *testenv.RedisServer, s *redisstore.Store) {
			t.Helper()
			server.MustAsk("xtrim", stream, "maxlen", "0")
			mustAppend(t, s, "new")
		}, true, true, []string{"new"}}, // which cannot be told from the one above
		"somebody deletes an entry in the middle": {func(t *testing.T, server *testenv.RedisServer, s *redisstore.Store) {
			t.Helper()
			at := mustAppend(t, s, "lost")
			mustAppend(t, s, "kept")
			server.MustAsk("xdel", stream, fmt.Sprintf("%d-%d", at.Millis, at.Sequence))
		}, true, true, []string{"read", "kept"}},
		"an entry of another form": {func(_ *testing.T, server *testenv.RedisServer, _ *redisstore.Store) {
			server.MustAsk("xadd", stream, "*", "other", "field")
		}, false, false, []string{"field"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.Redis(t)
			s := openStore(t, server.URL())
			last := mustAppend(t, s, "read")
			test.Wait(t, "the next millisecond", func() bool { return time.Now().UnixMilli() > int64(last.Millis) })
			r := reader{from: s}
			r.want(t, "before", true, false, "read")
			row.lose(t, server, s)
			r.want(t, "after", row.restarted, row.gap, row.left...)
			r.want(t, "once only", false, false)
			mustAppend(t, s, "more")
			r.want(t, "and on", false, false, "more")
		})
	}
}

// A reader at the end misses nothing when the last entry goes. Whether others went with
// it cannot be told when more have come, so that it reads all again, once.
func TestStreamLastEntryDeleted(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	mustAppend(t, s, "kept")
	at := mustAppend(t, s, "deleted")
	r := reader{from: s}
	r.want(t, "before", true, false, "kept", "deleted")
	server.MustAsk("xdel", stream, fmt.Sprintf("%d-%d", at.Millis, at.Sequence))
	r.want(t, "at the end", false, false)
	mustAppend(t, s, "more")
	r.want(t, "after more", true, true, "kept", "more")
	r.want(t, "once only", false, false)
}

func TestStreamForgetsByAge(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	server.MustAsk("config", "set", "stream-node-max-entries", "1") // it trims whole nodes
	s := openStore(t, server.URL())
	server.MustAsk("xadd", stream, strconv.FormatInt(time.Now().Add(-26*time.Hour).UnixMilli(), 10)+"-0", "e", "old")
	server.MustAsk("xadd", stream, strconv.FormatInt(time.Now().Add(-24*time.Hour).UnixMilli(), 10)+"-0", "e", "needed")
	mustAppend(t, s, "new")
	(&reader{from: s}).want(t, "what can still match", true, false, "needed", "new")
}

// A ticket comes with the head of the stream at the instant at which it was consumed.
func TestConsumeTellsTheHead(t *testing.T) {
	t.Parallel()
	s := openStore(t, testenv.Redis(t).URL())
	consume := func() ticket.Position {
		t.Helper()
		entry, err := s.Consume(t.Context(), fixture.Create(t, s), fixture.Redeemed("a"), fixture.Retry)
		if err != nil {
			t.Fatal(err)
		}
		return entry.Head
	}
	if got := consume(); got != (ticket.Position{}) {
		t.Errorf("without a stream: got %+v, want none", got)
	}
	for range 3 {
		if at, got := mustAppend(t, s, "entry"), consume(); got != at {
			t.Errorf("got %+v, want %+v", got, at)
		}
	}
}

func TestStreamOfAFailingServer(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	s := openHasty(t, server.URL())
	mustAppend(t, s, "one")
	server.Freeze()
	if _, err := s.Append(t.Context(), []byte("two")); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("append to a server that does not answer: got %v, want ErrUnavailable", err)
	}
	if _, err := s.Read(t.Context(), ticket.Position{}); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("read: got %v, want ErrUnavailable", err)
	}
	server.Thaw()
	server.MustAsk("config", "set", "maxmemory", "1")
	full := openStore(t, server.URL())
	if _, err := full.Append(t.Context(), []byte("three")); !errors.Is(err, ticket.ErrFull) {
		t.Errorf("append to a server that is full: got %v, want ErrFull", err)
	}
}

// ofTickets are the rights that other checks miss.
var ofTickets = []string{"+get", "+set", "+setrange", "+pttl", "+eval", "+evalsha", "+info", "+ping"}

// The probe names the right that is missing.
func TestCheckStream(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	rules := aclRules(t, "wsticket")
	allow(t, "wsticket", rules, server)
	if err := openStore(t, as(server.URL(), "wsticket")).CheckStream(t.Context()); err != nil {
		t.Errorf("with all rights: %v", err)
	}
	for _, right := range rules {
		if !strings.HasPrefix(right, "+") || slices.Contains(ofTickets, right) {
			continue
		}
		allow(t, "wsticket", slices.DeleteFunc(slices.Clone(rules), func(r string) bool { return r == right }), server)
		err := openStore(t, as(server.URL(), "wsticket")).CheckStream(t.Context())
		outage, ok := errors.AsType[*redisstore.OutageError](err)
		if !ok || outage.Kind() != redisstore.OutageDenied || !strings.Contains(outage.Cause(), right) {
			t.Errorf("without %s: got %v, want an error that names it", right, err)
		}
	}
	test.Wait(t, "nothing is left", func() bool { return fmt.Sprint(server.MustAsk("dbsize")) == "0" })
	server.MustAsk("config", "set", "maxmemory", "1")
	allow(t, "wsticket", rules, server)
	if err := openStore(t, as(server.URL(), "wsticket")).CheckStream(t.Context()); err != nil {
		t.Errorf("a server that is full: %v", err)
	}
}

func TestCheckStreamOfACluster(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	allow(t, "wsticket-cluster", aclRules(t, "wsticket-cluster"), c.Servers()...)
	if err := openStore(t, as(c.URL(), "wsticket-cluster")).CheckStream(t.Context()); err != nil {
		t.Error(err)
	}
}
