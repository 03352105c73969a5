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

// What CheckURL lets pass, OpenRedis opens.
func TestCheckURL(t *testing.T) {
	for url, want := range map[string]string{
		"redis://127.0.0.1:1/3":                 "",
		"rediss://127.0.0.1:1":                  "",
		"redis://h/abc":                         "database: must be a number",
		"rediss://h?ca_file=/gone&pool_size=no": "pool_size: must be 1 to",
		"rediss://h?ca_file=/gone":              "ca_file: no such file",
	} {
		err := store.CheckURL(url)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("CheckURL(%q) = %v, want %q", url, err, want)
		}
		opened, openErr := store.OpenRedis(url, store.RedisOptions{})
		if (openErr == nil) != (err == nil) {
			t.Errorf("OpenRedis(%q) = %v, where CheckURL says %v", url, openErr, err)
		}
		if openErr == nil {
			closeStore(t, opened)
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
	s := openRedis(t, "redis+sentinel://name@"+addr) // the library names the Sentinel that failed
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
