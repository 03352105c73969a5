package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// wantEvicting checks that err names the policy.
func wantEvicting(t *testing.T, err error, policy string) {
	t.Helper()
	eviction, ok := errors.AsType[*redisstore.EvictionError](err)
	if !ok {
		t.Errorf("got %v, want an *EvictionError", err)
	} else if eviction.Policy() != policy {
		t.Errorf("got policy %q, want %q", eviction.Policy(), policy)
	}
}

func setPolicy(s *testenv.RedisServer, policy string) {
	s.MustAsk("config", "set", "maxmemory-policy", policy)
}

func TestCheckEviction(t *testing.T) {
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	if err := s.CheckEviction(t.Context()); err != nil {
		t.Errorf("default: %v", err)
	}
	for _, policy := range []string{"volatile-lru", "allkeys-lfu", "volatile-ttl", "allkeys-random"} {
		setPolicy(server, policy)
		wantEvicting(t, s.CheckEviction(t.Context()), policy)
	}
	setPolicy(server, "noeviction")
	if err := s.CheckEviction(t.Context()); err != nil {
		t.Errorf("fixed: %v", err)
	}
	server.Kill()
	wantKind(t, "killed", s.CheckEviction(t.Context()), redisstore.OutageConnection)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fixture.WantErr(t, "canceled", s.CheckEviction(ctx), context.Canceled)
}

// On a cluster it takes one node that may evict.
func TestCheckEvictionCluster(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	s := openStore(t, c.URL())
	if err := s.CheckEviction(t.Context()); err != nil {
		t.Errorf("default: %v", err)
	}
	for _, master := range c.Servers() {
		setPolicy(master, "volatile-random")
		wantEvicting(t, s.CheckEviction(t.Context()), "volatile-random")
		setPolicy(master, "noeviction")
	}
	c.Servers()[0].Kill()
	fixture.WantErr(t, "one killed", s.CheckEviction(t.Context()), ticket.ErrUnavailable)
	setPolicy(c.Servers()[1], "volatile-random")
	wantEvicting(t, s.CheckEviction(t.Context()), "volatile-random")
}

func TestEvictionPolicies(t *testing.T) {
	const silent = "redis: maxmemory-policy: the server does not report it, want noeviction"
	tests := []struct{ rule, info, want string }{
		{"the right one", "# Memory\r\nmaxmemory_policy:noeviction\r\nused_memory:1\r\n", ""},
		{"the last line has no end", "maxmemory_policy:noeviction", ""},
		{"another one", "maxmemory_policy:allkeys-lru\r\n", "redis: maxmemory-policy: got allkeys-lru, want noeviction"},
		{"a managed service may hide it", "# Memory\r\nused_memory:1\r\n", silent},
		{"or say nothing", "", silent},
		{"a line that only ends like it", "my_maxmemory_policy:noeviction\r\n", silent},
		{"what is no word stays out of the log", "maxmemory_policy:a\x1b[2J hunter2\r\n", silent},
		{"nor is one without end", "maxmemory_policy:" + string(make([]byte, 1000)), silent},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
			t.Cleanup(func() { mustClose(t, c) })
			c.AddHook(replying(func(cmd redis.Cmder) error {
				cmd.(interface{ SetVal(text string) }).SetVal(tt.info) //nolint:errcheck,forcetypeassert // It is INFO.
				return nil
			}))
			s := redisstore.NewOn(c, redisstore.Options{})
			var got string
			if err := s.CheckEviction(t.Context()); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A change is reported once, and an outage is not.
func TestWatchEviction(t *testing.T) {
	server := testenv.Redis(t)
	s := openStore(t, server.URL())
	ctx, cancel := context.WithCancel(t.Context())
	reports, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		s.WatchEviction(ctx, time.Millisecond, func(err error) { reports <- err })
	}()
	setPolicy(server, "volatile-lru")
	wantEvicting(t, <-reports, "volatile-lru")
	setPolicy(server, "allkeys-lru")
	wantEvicting(t, <-reports, "allkeys-lru")
	server.Restart() // With the default policy, after a short outage.
	if err := <-reports; err != nil {
		t.Errorf("fixed: got %v, want nil", err)
	}
	cancel()
	select {
	case err := <-reports:
		t.Errorf("one more report: %v", err)
	case <-ended:
	}
}
