package store_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
)

func TestNewRedisListsEveryFault(t *testing.T) {
	_, err := store.NewRedis(store.RedisOptions{
		Prefix: "wst*", Retention: -time.Second, Timeout: time.Microsecond,
	})
	if err == nil {
		t.Fatal("got no error")
	}
	want := strings.Join([]string{
		"store: redis: client: required",
		`store: redis: prefix: must be letters, digits and ._:- and at most 64 (got "wst*")`,
		"store: redis: retention: must be at least 1ms (got -1s)",
		"store: redis: timeout: must be at least 1ms (got 1µs)",
	}, "\n")
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestOpenRedisURL(t *testing.T) {
	const only = `the query may hold nothing but`
	tests := []struct {
		rule, url, want string // want is part of the error, empty for none
	}{
		{"host and port", "redis://127.0.0.1:6379", ""},
		{"a database", "redis://127.0.0.1/3", ""},
		{"TLS", "rediss://user:hunter2@redis.internal", ""},
		{"the size of the pool", "redis://127.0.0.1?pool_size=7&conn_max_idle_time=5m", ""},
		{"no URL", "", "must begin with redis:// or rediss://"},
		{"an address without scheme", "127.0.0.1:6379", "is not a URL"},
		{"another scheme", "https://hunter2@redis.internal", "must begin with"},
		{"a socket", "unix:///run/redis.sock", "must begin with"},
		{"Sentinel comes later", "redis+sentinel://name@h1,h2", "redis+sentinel is not supported by this version"},
		{"a cluster comes later", "redis+cluster://h1,h2", "redis+cluster is not supported by this version"},
		{"a password that is not escaped", "redis://:hunter2%@h", "is not a URL"},
		{"one that ends the authority", "redis://:hun?ter2@h", "store: redis: url:"},
		{"a database that is no number", "redis://h/hunter2", "must be redis://"},
		{"retries would lie about lost replies", "redis://h?max_retries=3", only},
		{"certificates are verified", "rediss://h?skip_verify=true", only},
		{"time-outs are the store's", "redis://h?read_timeout=1h", only},
		{"an unknown parameter", "redis://h?hunter2=1", only},
		{"a semicolon hides what follows", "redis://h?pool_size=1;max_retries=3", only},
		{"a value of the wrong kind", "redis://h?pool_size=hunter2", "must be redis://"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s, err := store.OpenRedis(tt.url, store.RedisOptions{})
			if err == nil {
				closeStore(t, s)
			}
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestOpenRedisListsEveryFault(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { closeStore(t, c) })
	_, err := store.OpenRedis("memory:", store.RedisOptions{Client: c, Prefix: "{tag}"})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"url:", "client: must not be given", `prefix: must be`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Who opens a client closes it.
func TestRedisClose(t *testing.T) {
	server := testenv.Redis(t)
	own := openRedis(t, server.URL())
	for range 2 {
		if err := own.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	wantKind(t, "ping a closed store", own.Ping(t.Context()), store.OutagePool)

	client := plainClient(t, server)
	lent, err := store.NewRedis(store.RedisOptions{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, lent)
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("the caller's client: got %v, want it open", err)
	}
	if got := lent.PoolStats(); got.TotalConns != 1 {
		t.Errorf("connections: got %d, want 1", got.TotalConns)
	}
}

func TestQuietLogger(t *testing.T) {
	var out lockedBuffer
	store.QuietLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { store.QuietLogger(slog.New(slog.DiscardHandler)) })
	addr := testenv.FreeAddr(t)
	s := openRedis(t, "redis://"+addr)
	wantKind(t, "ping", s.Ping(t.Context()), store.OutageConnection)
	if got := out.String(); !strings.Contains(got, "redis client reports trouble") || strings.Contains(got, addr) {
		t.Errorf("log: got %q, want the fixed text and no address", got)
	}
}

// lockedBuffer is written by the goroutines of the client library.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
