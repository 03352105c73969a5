package redisstore_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/redisstore"
)

func TestOpenListsEveryFault(t *testing.T) {
	_, err := redisstore.Open("rediss://:hunter2@h:0/x?pool_size=no&conn_max_lifetime=5", redisstore.Options{
		Prefix: "wst*", Retention: -time.Second, Timeout: time.Microsecond, Fence: "maybe",
	})
	if err == nil {
		t.Fatal("got no error")
	}
	want := strings.Join([]string{
		`redisstore: Prefix: must be letters, digits and ._:- and at most 64 (got "wst*")`,
		"redisstore: Retention: must be at least 1ms (got -1s)",
		"redisstore: Timeout: must be at least 1ms (got 1µs)",
		`redisstore: Fence: must be auto, require or off (got "maybe")`,
		"redisstore: URL: host: the port must be a number from 1 to 65535 (a password stands before an @, as in redis://:password@host:6379)",
		"redisstore: URL: database: must be a number, as in redis://host:6379/0",
		"redisstore: URL: query: conn_max_lifetime: must be a duration such as 5m",
		"redisstore: URL: query: pool_size: must be 1 to 1000",
	}, "\n")
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestClose(t *testing.T) {
	s := openStore(t, testenv.Redis(t).URL())
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if got := s.PoolStats(); got.TotalConns != 1 || got.IdleConns != 1 || got.Misses != 1 {
		t.Errorf("pool: got %+v, want one new connection, idle by now", got)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	wantKind(t, "ping a closed store", s.Ping(t.Context()), redisstore.OutagePool)
}

func TestQuietLogger(t *testing.T) {
	var out test.Output
	redisstore.QuietLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { redisstore.QuietLogger(slog.New(slog.DiscardHandler)) })
	addr := testenv.FreeAddr(t)
	s := openStore(t, "redis+sentinel://name@"+addr) // the library names the Sentinel that failed
	wantKind(t, "ping", s.Ping(t.Context()), redisstore.OutageConnection)
	if got := out.String(); !strings.Contains(got, "redis client reports trouble") || strings.Contains(got, addr) {
		t.Errorf("log: got %q, want the fixed text and no address", got)
	}
}
