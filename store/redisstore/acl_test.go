package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// aclRules returns the rules of a user in testdata/redis.acl, without the
// password. docs/redis.md refers to that file.
func aclRules(tb testing.TB, user string) []string {
	tb.Helper()
	text, err := os.ReadFile("testdata/redis.acl")
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "user" && fields[1] == user {
			return slices.DeleteFunc(fields[2:], func(f string) bool { return f == ">PASSWORD" })
		}
	}
	tb.Fatalf("testdata/redis.acl does not know the user %s", user)
	return nil
}

// allow makes a user with the password "hunter2", and clears what the servers
// remember of refused commands.
func allow(tb testing.TB, name string, rules []string, servers ...*testenv.RedisServer) {
	tb.Helper()
	for _, s := range servers {
		s.MustAsk(slices.Concat([]string{"acl", "setuser", name, "reset", ">hunter2"}, rules)...)
		s.MustAsk("acl", "log", "reset")
	}
}

// as puts credentials into a URL.
func as(url, user string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	if name, hosts, ok := strings.Cut(rest, "@"); ok { // redis+sentinel://name@hosts
		return scheme + "://" + user + ":hunter2@" + hosts + "?master=" + name
	}
	return scheme + "://" + user + ":hunter2@" + rest
}

// live calls every operation of a store, and returns the errors that are not
// expected.
func live(ctx context.Context, s *redisstore.Store) error {
	id := ticket.NewID()
	unexpected := []error{s.Ping(ctx), s.CheckEviction(ctx)}
	_, err := s.Consume(ctx, ticket.NewID(), fixture.Redeemed("a"), fixture.Retry)
	unexpected = append(unexpected, unless(err, ticket.ErrNotFound), s.Create(ctx, id, fixture.Record(), fixture.Lifetime))
	_, err = s.Lookup(ctx, id)
	unexpected = append(unexpected, err)
	_, err = s.Consume(ctx, id, fixture.Redeemed("a"), fixture.Retry)
	unexpected = append(unexpected, err)
	_, err = s.Consume(ctx, id, fixture.Redeemed("b"), fixture.Retry)
	unexpected = append(unexpected, unless(err, ticket.ErrSpent), s.Settle(ctx, id, fixture.Redeemed("a")),
		s.PutNote(ctx, id, ticket.Note{Reason: "spent", At: fixture.IssuedAt()}))
	_, err = s.NoteOf(ctx, id)
	unexpected = append(unexpected, err)
	_, err = s.First(ctx, "name", time.Minute)
	unexpected = append(unexpected, err, s.Forget(ctx, "name"))
	at, err := s.Append(ctx, []byte("entry"))
	unexpected = append(unexpected, err)
	at.Sequence--
	_, err = s.Read(ctx, at) // from the middle, so that it asks for the last entry
	unexpected = append(unexpected, err)
	next, err := s.Append(ctx, []byte("entry"))
	unexpected = append(unexpected, err)
	_, err = s.Read(ctx, next) // and waits
	unexpected = append(unexpected, err)
	unexpected = append(unexpected, liveOnBus(ctx, s))
	leases := s.Leases()
	place, _, err := leases.Take(ctx, "subject", "a", 1, true)
	unexpected = append(unexpected, err, leases.Keep(ctx, []string{"subject"}, []string{place}),
		leases.Release(ctx, []string{"subject"}, []string{place}))
	return errors.Join(unexpected...)
}

// liveOnBus asks one question on the bus, and stops to serve it.
func liveOnBus(ctx context.Context, s *redisstore.Store) error {
	peers := s.Peers()
	serving, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		peers.Serve(serving, "a", func(_ context.Context, question []byte) []byte { return question })
	}()
	defer func() {
		stop()
		<-done
	}()
	for range 3 { // The first one may come before the process is there.
		asking, cancel := context.WithTimeout(ctx, time.Second)
		answers, missing, err := peers.Ask(asking, []byte("there?"))
		cancel()
		if err == nil && len(missing) == 0 && len(answers) == 1 {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
	return errors.New("no answer on the bus")
}

func unless(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("got %w, want %w", err, want)
}

// wantMinimal runs try with all rules of a user, which must succeed, and without
// each of the commands, which must fail: with an error, or with a refusal in the
// log of a server.
func wantMinimal(t *testing.T, user string, servers []*testenv.RedisServer, try func(t *testing.T) error) {
	t.Helper()
	rules := aclRules(t, user)
	run := func(t *testing.T, rules []string) error {
		t.Helper()
		allow(t, user, rules, servers...)
		return errors.Join(try(t), refused(servers))
	}
	t.Run("all", func(t *testing.T) {
		if err := run(t, rules); err != nil {
			t.Errorf("with all the rules of %s: %v", user, err)
		}
	})
	for i, rule := range rules {
		if !strings.HasPrefix(rule, "+") {
			continue
		}
		t.Run("without "+rule, func(t *testing.T) {
			if err := run(t, slices.Delete(slices.Clone(rules), i, i+1)); err == nil {
				t.Error("all goes well, want it needed or gone")
			}
		})
	}
	allow(t, user, rules, servers...)
}

// refused returns an error for each refusal since the last allow.
func refused(servers []*testenv.RedisServer) error {
	var errs []error
	for _, s := range servers {
		if log, _ := s.MustAsk("acl", "log").([]any); len(log) > 0 {
			errs = append(errs, fmt.Errorf("%s refused %v", s.Addr(), log))
		}
	}
	return errors.Join(errs...)
}

func TestACL(t *testing.T) {
	server := testenv.Redis(t)
	servers := []*testenv.RedisServer{server}
	wantMinimal(t, "wsticket", servers, func(t *testing.T) error {
		server.MustAsk("script", "flush")
		return live(t.Context(), openStore(t, as(server.URL(), "wsticket")))
	})
	wantConfined(t, server, "wsticket")

	allow(t, "wsticket", append(aclRules(t, "wsticket"), "+select"), server)
	if err := live(t.Context(), openStore(t, as(server.URL(), "wsticket")+"/3")); err != nil {
		t.Errorf("in another database, with +select: %v", err)
	}
}

// refusal matches the reply of versions 6.2 and 7, or 7.2 and later, in a script.
var refusal = regexp.MustCompile("The user executing the script can't|ACL failure in script")

// wantConfined checks that a user cannot run other commands.
func wantConfined(t *testing.T, server *testenv.RedisServer, user string) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: user, Password: "hunter2", DisableIdentity: true})
	t.Cleanup(func() { mustClose(t, c) })
	for _, command := range []string{
		"get other", "set other 1 px 1000", "keys *", "scan 0", "randomkey", "dbsize", "dump wst:a", "del wst:a",
		"unlink wst:a", "getdel wst:a", "expire wst:a 1", "persist wst:a", "rename wst:a wst:b", "restore wst:a 0 x",
		"flushall", "flushdb", "config get *", "monitor", "acl list", "acl setuser x", "client list", "client kill 1:1",
		"slowlog get", "save", "bgsave", "shutdown", "replicaof no one", "failover", "script flush",
		"function list", "migrate h 1 wst:a 0 1", "publish c m", "subscribe c", "psync ? -1", "cluster nodes",
		"latency doctor", "object encoding wst:a", "memory usage wst:a", "command", "module list", "swapdb 0 1",
	} {
		if err := c.Do(t.Context(), anys(strings.Fields(command))...).Err(); !redis.HasErrorPrefix(err, "NOPERM") {
			t.Errorf("%s: got %v, want NOPERM", command, err)
		}
	}
	for _, script := range []string{
		"return redis.call('get', 'other')", "return redis.call('set', 'other', '1')",
		"return redis.call('del', 'wst:a')", "return redis.call('keys', '*')",
	} {
		if err := c.Eval(t.Context(), script, nil).Err(); err == nil || !refusal.MatchString(err.Error()) {
			t.Errorf("%s: got %v, want it refused", script, err)
		}
	}
}

func anys(words []string) []any {
	all := make([]any, len(words))
	for i, word := range words {
		all[i] = word
	}
	return all
}

func TestACLCluster(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	wantMinimal(t, "wsticket-cluster", c.Servers(), func(t *testing.T) error {
		for _, s := range c.Servers() {
			s.MustAsk("script", "flush")
		}
		s := openStore(t, as(c.URL(), "wsticket-cluster"))
		if err := live(t.Context(), s); err != nil {
			return err
		}
		// A command in the middle of a migration needs one more permission.
		id := fixture.Create(t, s)
		m := c.StartMigration(key(id))
		m.MoveKeys()
		_, err := s.Lookup(t.Context(), id)
		m.Finish()
		return unless(err, ticket.ErrNotFound) // it is void where it is now
	})
	wantConfined(t, c.MasterOf("other"), "wsticket-cluster")
}

func TestACLSentinel(t *testing.T) {
	t.Parallel()
	s := testenv.Sentinel(t)
	allow(t, "wsticket", aclRules(t, "wsticket"), s.Servers()...)
	url := as(s.URL(), "wsticket") + "&sentinel_username=wsticket-sentinel&sentinel_password=hunter2"
	wantMinimal(t, "wsticket-sentinel", s.Sentinels(), func(t *testing.T) error {
		err := live(t.Context(), openStore(t, url))
		if strings.HasSuffix(t.Name(), "+ping") {
			// The library sends PING after three seconds without a message.
			test.Wait(t, "a refused ping", func() bool { return refused(s.Sentinels()) != nil })
		}
		return err
	})
}
