package redisstore_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// olderState is a way in which a server restarts without its latest writes.
type olderState struct {
	args []string
	// keep is called before the tickets are spent; bringBack after that, when the
	// server is down.
	keep, bringBack func(t *testing.T, server *testenv.RedisServer, dir string)
}

func olderStates() map[string]olderState {
	return map[string]olderState{
		"a stale RDB": {
			args: []string{"--dbfilename", "dump.rdb"},
			keep: func(t *testing.T, server *testenv.RedisServer, dir string) {
				server.MustAsk("save")
				mustCopy(t, filepath.Join(dir, "dump.rdb"), filepath.Join(dir, "aside"))
			},
			bringBack: func(t *testing.T, _ *testenv.RedisServer, dir string) {
				mustCopy(t, filepath.Join(dir, "aside"), filepath.Join(dir, "dump.rdb"))
			},
		},
		"an AOF with its tail cut": {
			args: []string{"--appendonly", "yes", "--appendfsync", "always"},
			keep: func(t *testing.T, _ *testenv.RedisServer, dir string) {
				mustCopy(t, tail(t, dir), filepath.Join(dir, "aside"))
			},
			bringBack: func(t *testing.T, _ *testenv.RedisServer, dir string) {
				kept, err := os.Stat(filepath.Join(dir, "aside"))
				if err != nil {
					t.Fatal(err)
				}
				// A power failure leaves half of a command behind.
				if err := os.Truncate(tail(t, dir), kept.Size()+17); err != nil {
					t.Fatal(err)
				}
			},
		},
	}
}

// tail is the file to which Redis appends.
func tail(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("append-only file: got %q, %v; want one", files, err)
	}
	return files[0]
}

func mustCopy(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// A server that restarts from an older state has forgotten that tickets were spent.
// Without the fence each of them is accepted again.
func TestRestartFromOlderState(t *testing.T) {
	const tickets = 200
	modes := map[redisstore.FenceMode]int{redisstore.FenceRequire: 0, redisstore.FenceOff: tickets}
	for name, older := range olderStates() {
		for mode, want := range modes {
			t.Run(name+", fence "+string(mode), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				server := testenv.Redis(t, append(older.args, "--dir", dir)...)
				s := openWith(t, server.URL(), redisstore.Options{Fence: mode})
				ids := make([]ticket.ID, tickets)
				for i := range ids {
					ids[i] = fixture.Create(t, s)
				}
				older.keep(t, server, dir)
				for _, id := range ids {
					fixture.Consume(t, s, id)
				}
				server.Kill()
				older.bringBack(t, server, dir)
				server.Restart()

				again := 0
				for _, id := range ids {
					switch _, err := s.Consume(t.Context(), id, fixture.Redeemed("again"), fixture.Retry); {
					case err == nil:
						again++
					case !errors.Is(err, ticket.ErrFenced):
						t.Errorf("consume: got %v, want ErrFenced", err)
					}
				}
				t.Logf("%d of %d spent tickets were accepted again", again, tickets)
				if again != want {
					t.Errorf("accepted again: got %d, want %d", again, want)
				}
				mustWorkAgain(t, s)
			})
		}
	}
}

// A server that evicts keys evicts tickets and marks. Evicted tickets are refused,
// and no ticket is accepted twice because its mark is missing.
func TestEviction(t *testing.T) {
	server := testenv.Redis(t, "--maxmemory-policy", "allkeys-random")
	s := openStore(t, server.URL())
	fixture.Consume(t, s, fixture.Create(t, s))
	server.MustAsk("config", "set", "maxmemory", "3mb")
	rec := fixture.Record()
	rec.Payload = make([]byte, 4<<10)
	ids := make([]ticket.ID, 1000)
	for i := range ids {
		ids[i] = ticket.NewID()
		if err := s.Create(t.Context(), ids[i], rec, fixture.Lifetime); err != nil {
			t.Fatalf("create: %v", err)
		}
	}
	accepted := make(map[ticket.ID]int)
	for range 3 {
		for _, id := range ids {
			_, err := s.Consume(t.Context(), id, fixture.Redeemed(""), fixture.Retry)
			switch {
			case err == nil:
				accepted[id]++
			case !errors.Is(err, ticket.ErrNotFound) && !errors.Is(err, ticket.ErrSpent):
				t.Errorf("consume: %v", err)
			}
		}
	}
	for id, n := range accepted {
		if n != 1 {
			t.Errorf("ticket %s: accepted %d times", id, n)
		}
	}
	if len(accepted) == 0 || len(accepted) == len(ids) {
		t.Errorf("accepted: got %d of %d, want some and not all", len(accepted), len(ids))
	}
}
