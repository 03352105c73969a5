package testenv_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
)

// one is a client with one connection that repeats nothing.
func one(t *testing.T, o redis.Options) *redis.Client {
	t.Helper()
	o.PoolSize, o.MaxRetries, o.DisableIdentity, o.ContextTimeoutEnabled = 1, -1, true, true
	c := redis.NewClient(&o)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

// within runs fn with a context that ends soon.
func within(t *testing.T, d time.Duration, fn func(ctx context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return fn(ctx)
}

func proxied(t *testing.T) (*testenv.RedisServer, *testenv.ProxyServer, *redis.Client) {
	t.Helper()
	s := testenv.Redis(t)
	p := testenv.Proxy(t, s.Addr())
	c := one(t, redis.Options{Addr: p.Addr()})
	if err := c.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatalf("through the proxy: %v", err)
	}
	return s, p, c
}

func TestProxyHandsOnAllKindsOfReplies(t *testing.T) {
	s, p, _ := proxied(t)
	for _, protocol := range []int{2, 3} {
		c := one(t, redis.Options{Addr: p.Addr(), Protocol: protocol})
		direct := one(t, redis.Options{Addr: s.Addr(), Protocol: protocol})
		for _, command := range []string{
			"return 1", "return 'a string'", "return {1, 'two', {3, {'four'}}}", "return false", "return true",
			"return {ok = 'fine'}", "return redis.error_reply('no')", "return {}", "return string.rep('x', 100000)",
			"return {double = 1.5}", "redis.setresp(3); return {map = {a = 1, b = {2, 3}}}", "return {false, 1}",
			"redis.setresp(3); return {set = {a = true}}", "return ''",
		} {
			got, err := c.Eval(t.Context(), command, nil).Result()
			want, wantErr := direct.Eval(t.Context(), command, nil).Result()
			if !sameError(err, wantErr) || !equal(got, want) {
				t.Errorf("RESP%d %s: got %.80v, %v; want %.80v, %v", protocol, command, got, err, want, wantErr)
			}
		}
		if got := c.Get(t.Context(), "key").Val(); got != "value" {
			t.Errorf("RESP%d: the replies are out of step: got %q", protocol, got)
		}
	}
}

func sameError(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

func TestProxyTakesLines(t *testing.T) {
	_, p, _ := proxied(t)
	mustAnswer(t, p.Addr(), "GET key", "$5")
	mustAnswer(t, p.Addr(), "\r\nPING", "+PONG") // an empty line gets no reply
	if got := p.Seen("Get"); got != 1 {
		t.Errorf("seen: got %d, want 1", got)
	}
	if got, want := p.URL(), "redis://"+p.Addr(); got != want {
		t.Errorf("URL: got %q, want %q", got, want)
	}
}

func TestProxyCutAndHeal(t *testing.T) {
	_, p, c := proxied(t)
	p.Cut()
	for range 2 { // the connection that there was, and a new one
		if got, err := c.Get(t.Context(), "key").Result(); err == nil {
			t.Errorf("cut: got %q, want an error", got)
		}
	}
	p.Heal()
	if got, err := c.Get(t.Context(), "key").Result(); got != "value" {
		t.Errorf("healed: got %q, %v", got, err)
	}
}

func TestProxyReset(t *testing.T) {
	_, p, _ := proxied(t)
	c := one(t, redis.Options{Addr: p.Addr()})
	sub := c.Subscribe(t.Context(), "channel")
	defer func() { _ = sub.Close() }()
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Reset()
	if got, err := sub.Receive(t.Context()); err == nil {
		t.Errorf("reset: got %v, want an error", got)
	}
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Errorf("a new connection: got %v, want it to work", err)
	}
}

func TestProxyStall(t *testing.T) {
	s, p, c := proxied(t)
	p.Stall()
	set := func(ctx context.Context) error { return c.Set(ctx, "key", "late", 0).Err() }
	if err := within(t, 50*time.Millisecond, set); !errors.Is(err, context.DeadlineExceeded) && !os.IsTimeout(err) {
		t.Errorf("stalled: got %v, want a time-out", err)
	}
	if got := get(t, s, "key"); got != "value" {
		t.Errorf("stalled: the server has %q, want nothing handed on", got)
	}
	p.Heal()
	if err := set(t.Context()); err != nil {
		t.Errorf("healed: %v", err)
	}
}

// What was sent during a stall comes late, and does come.
func TestProxyStallKeepsConnections(t *testing.T) {
	_, p, c := proxied(t)
	p.Stall()
	answer := make(chan error, 1)
	go func() { answer <- c.Get(t.Context(), "key").Err() }()
	for p.Seen("get") == 0 {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
	}
	p.Stall() // twice is no error
	p.Heal()
	if err := <-answer; err != nil {
		t.Errorf("healed: got %v, want the answer", err)
	}
}

func TestProxyDelaysReplies(t *testing.T) {
	_, p, c := proxied(t)
	const late = 100 * time.Millisecond
	p.DelayReplies(late)
	start := time.Now()
	if got := c.Get(t.Context(), "key").Val(); got != "value" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(start); took < late {
		t.Errorf("answered after %v, want at least %v", took, late)
	}
	p.DelayReplies(time.Hour)
	get := func(ctx context.Context) error { return c.Get(ctx, "key").Err() }
	if err := within(t, 50*time.Millisecond, get); err == nil {
		t.Error("an hour late: got an answer")
	}
}

func TestProxyDropsAReply(t *testing.T) {
	s, p, c := proxied(t)
	p.DropReplyTo("INCR", 3)
	want := []error{nil, nil, io.EOF, nil, nil}
	for i, want := range want {
		if err := c.Incr(t.Context(), "count").Err(); (err == nil) != (want == nil) {
			t.Errorf("command %d: got %v, want %v", i+1, err, want)
		}
	}
	if got := get(t, s, "count"); got != "5" {
		t.Errorf("count: got %s, want 5: the command has run", got)
	}
	if got := p.Dropped(); got != 1 {
		t.Errorf("dropped: got %d, want 1", got)
	}
	p.DropReplyTo("incr", 1)
	p.Heal()
	if err := c.Incr(t.Context(), "count").Err(); err != nil || p.Dropped() != 1 {
		t.Errorf("healed: got %v and %d dropped, want nothing to happen", err, p.Dropped())
	}
}

// In a pipeline the replies before the dropped one arrive.
func TestProxyDropsAReplyOfAPipeline(t *testing.T) {
	_, p, c := proxied(t)
	p.DropReplyTo("getdel", 1)
	pipe := c.Pipeline()
	first, second, third := pipe.Get(t.Context(), "key"), pipe.GetDel(t.Context(), "key"), pipe.Get(t.Context(), "key")
	if _, err := pipe.Exec(t.Context()); err == nil {
		t.Error("exec: got no error")
	}
	if first.Val() != "value" || second.Err() == nil || third.Err() == nil {
		t.Errorf("got %v, %v, %v; want a value and two errors", first, second, third)
	}
}

func TestProxyWithoutServer(t *testing.T) {
	p := testenv.Proxy(t, testenv.FreeAddr(t))
	c := one(t, redis.Options{Addr: p.Addr()})
	if err := c.Ping(t.Context()).Err(); err == nil {
		t.Error("got no error")
	}
}

func TestProxyHandsOnSubscriptionsAndTLS(t *testing.T) {
	certs := testenv.TLS(t)
	s := testenv.RedisTLS(t, certs)
	p := testenv.Proxy(t, s.Addr())
	sub := one(t, redis.Options{Addr: p.Addr()}).Subscribe(t.Context(), "channel")
	defer func() { _ = sub.Close() }()
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.MustAsk("publish", "channel", "hello")
	if got, err := sub.ReceiveMessage(t.Context()); err != nil || got.Payload != "hello" {
		t.Errorf("subscription: got %v, %v", got, err)
	}
	secure := testenv.Proxy(t, s.TLSAddr())
	c := one(t, redis.Options{Addr: secure.Addr(), TLSConfig: trust(t, certs.CAFile)})
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Errorf("TLS: %v", err)
	}
}

// trust returns settings that know one authority.
func trust(t *testing.T, caFile string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

func TestRedisTLS(t *testing.T) {
	certs, other := testenv.TLS(t), testenv.TLS(t)
	s := testenv.RedisTLS(t, certs, "--tls-auth-clients", "yes")
	own, err := tls.LoadX509KeyPair(certs.ClientCertFile, certs.ClientKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		rule, caFile string
		certificates []tls.Certificate
		good         bool
	}{
		{"the authority and a certificate of its own", certs.CAFile, []tls.Certificate{own}, true},
		{"no certificate", certs.CAFile, nil, false},
		{"another authority", other.CAFile, []tls.Certificate{own}, false},
	}
	for _, tt := range tests {
		config := trust(t, tt.caFile)
		config.Certificates = tt.certificates
		err := one(t, redis.Options{Addr: s.TLSAddr(), TLSConfig: config}).Ping(t.Context()).Err()
		if (err == nil) != tt.good {
			t.Errorf("%s: got %v, want success: %v", tt.rule, err, tt.good)
		}
	}
}
