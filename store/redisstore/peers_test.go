package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// serving is a process on the bus. It answers a question with its name and the
// question, and "silence" with nothing.
type serving struct {
	*redisstore.Peers
	name string
	stop func()
}

// serve starts a process, which is stopped at the end of the test.
func serve(tb testing.TB, url, name string, o redisstore.Options) *serving {
	tb.Helper()
	s := &serving{Peers: openWith(tb, url, o).Peers(), name: name}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(ctx, name, func(_ context.Context, question []byte) []byte {
			if string(question) == "silence" {
				return nil
			}
			return fmt.Appendf(nil, "%s: %s", name, question)
		})
	}()
	s.stop = func() {
		cancel()
		<-done
	}
	tb.Cleanup(s.stop)
	return s
}

// ask asks as one of the processes.
func (s *serving) ask(tb testing.TB, question string, wait time.Duration) (answers map[string][]byte, missing []string, err error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), wait)
	defer cancel()
	return s.Ask(ctx, []byte(question))
}

// awaitPeers waits until a process gets the answers of just these.
func awaitPeers(tb testing.TB, s *serving, names ...string) {
	tb.Helper()
	test.Wait(tb, strings.Join(names, ", ")+" to answer", func() bool {
		answers, missing, err := s.ask(tb, "there?", patience)
		return err == nil && len(missing) == 0 && slices.Equal(slices.Sorted(maps.Keys(answers)), names)
	})
}

func TestPeers(t *testing.T) {
	t.Parallel()
	onEachTopology(t, testPeers)
}

// onEachTopology runs a test with a server, a cluster, and a server behind Sentinel.
func onEachTopology(t *testing.T, run func(t *testing.T, url string)) {
	t.Helper()
	for name, url := range map[string]func(*testing.T) string{
		"server":   func(t *testing.T) string { t.Helper(); return testenv.Redis(t).URL() },
		"cluster":  func(t *testing.T) string { t.Helper(); return testenv.Cluster(t).URL() },
		"sentinel": func(t *testing.T) string { t.Helper(); return testenv.Sentinel(t).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, url(t))
		})
	}
}

func testPeers(t *testing.T, url string) {
	t.Helper()
	a, b, c := serve(t, url, "a", redisstore.Options{}), serve(t, url, "b", redisstore.Options{}), serve(t, url, "c", redisstore.Options{})
	serve(t, url, "other", redisstore.Options{Prefix: "other:"})
	awaitPeers(t, a, "a", "b", "c")

	// Whatever bytes a question has, each gets it whole, and once.
	question := "with blanks\x00 and bytes \xff\n"
	answers, missing, err := b.ask(t, question, patience)
	if err != nil || len(missing) > 0 || len(answers) != 3 {
		t.Fatalf("got %q, missing %q, %v; want three answers", answers, missing, err)
	}
	for name, got := range answers {
		if want := name + ": " + question; string(got) != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}

	// Who does not answer is named.
	answers, missing, err = a.ask(t, "silence", 300*time.Millisecond)
	if slices.Sort(missing); err != nil || len(answers) > 0 || !slices.Equal(missing, []string{"a", "b", "c"}) {
		t.Errorf("silence: got %q, missing %q, %v; want all three missing", answers, missing, err)
	}

	// Many at once do not mix their answers up.
	test.Together(t, 50, 50, func(i int) error {
		from, asked := []*serving{a, b, c}[i%3], fmt.Sprint("question ", i)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answers, missing, err := from.Ask(ctx, []byte(asked))
		if err == nil && (len(missing) > 0 || string(answers["b"]) != "b: "+asked) {
			err = fmt.Errorf("got %q, missing %q", answers, missing)
		}
		return err
	})

	// Who has left is not waited for, and cannot ask.
	c.stop()
	awaitPeers(t, a, "a", "b")
	_, _, err = c.ask(t, "too late", patience)
	fixture.WantErr(t, "ask without serving", err, ticket.ErrUnavailable)
}

// A process that dies counts for a few seconds, and its inbox is not kept.
func TestPeerThatDied(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	a := serve(t, server.URL(), "a", redisstore.Options{})
	awaitPeers(t, a, "a")
	c := plainClient(t, server)
	server.MustAsk("zadd", "wst:{live}:nodes", fmt.Sprint(time.Now().Add(time.Hour).UnixMilli()), "dead")
	answers, missing, err := a.ask(t, "there?", 500*time.Millisecond)
	if err != nil || len(answers) > 1 || !slices.Contains(missing, "dead") {
		t.Errorf("got %q, missing %q, %v; want dead missing", answers, missing, err)
	}
	left := lifetimes(t, c)
	for _, key := range []string{"wst:{live}:nodes", "wst:{live}:in:dead"} {
		if left[key] <= 0 || left[key] > time.Minute {
			t.Errorf("%s lives for %v, want it to end", key, left[key])
		}
	}
	server.MustAsk("zadd", "wst:{live}:nodes", "1", "dead") // its lease has lapsed
	awaitPeers(t, a, "a")
}

// Messages that no process has sent are ignored, an inbox that nobody reads is bounded,
// and a Redis that forgets everything is joined again.
func TestPeersOfABadRedis(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	a, b := serve(t, server.URL(), "a", redisstore.Options{}), serve(t, server.URL(), "b", redisstore.Options{})
	awaitPeers(t, a, "a", "b")
	for _, forged := range []string{"", "q", "q  ", "qx y", "x b id text", "q../.. id text", "qb {live} text", "ab unknown text"} {
		server.MustAsk("rpush", "wst:{live}:in:a", forged)
	}
	awaitPeers(t, a, "a", "b")
	server.MustAsk("flushall")
	awaitPeers(t, b, "a", "b")

	server.MustAsk("zadd", "wst:{live}:nodes", fmt.Sprint(time.Now().Add(time.Hour).UnixMilli()), "dead")
	for range 5000 {
		server.MustAsk("rpush", "wst:{live}:in:dead", "x")
	}
	if _, _, err := a.ask(t, "there?", 300*time.Millisecond); err != nil {
		t.Errorf("with a full inbox: %v", err)
	}
	if got := server.MustAsk("llen", "wst:{live}:in:dead"); got != int64(5000) {
		t.Errorf("messages in the full inbox: got %v, want 5000", got)
	}
}

// A Redis that is away is ErrUnavailable, in time, and the bus goes on when it is back.
func TestPeersOutage(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	a := serve(t, server.URL(), "a", redisstore.Options{Timeout: redisstore.DefaultTimeout})
	awaitPeers(t, a, "a")
	server.Freeze()
	_, _, err := a.ask(t, "there?", patience)
	fixture.WantErr(t, "frozen", err, ticket.ErrUnavailable)
	server.Kill()
	_, _, err = a.ask(t, "there?", patience)
	fixture.WantErr(t, "killed", err, ticket.ErrUnavailable)
	if _, ok := errors.AsType[*redisstore.OutageError](err); !ok {
		t.Errorf("got %v, want an *OutageError", err)
	}
	server.Restart()
	awaitPeers(t, a, "a")
}
