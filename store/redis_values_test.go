package store_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

// valueOf returns what is stored under id.
func valueOf(tb testing.TB, c *redis.Client, id ticket.ID) []byte {
	tb.Helper()
	value, err := c.Get(tb.Context(), store.DefaultPrefix+string(id)).Bytes()
	if err != nil {
		tb.Fatalf("get: %v", err)
	}
	return value
}

// put writes a value behind the store's back.
func put(tb testing.TB, c *redis.Client, id ticket.ID, value []byte) {
	tb.Helper()
	if err := c.Set(tb.Context(), store.DefaultPrefix+string(id), value, lifetime).Err(); err != nil {
		tb.Fatalf("set: %v", err)
	}
}

// wantUnreadable checks that no operation makes anything of what is under id.
func wantUnreadable(tb testing.TB, s ticket.Store, id ticket.ID) {
	tb.Helper()
	for what, err := range operations(tb, tb.Context(), s, id) {
		if what != "create" {
			wantErr(tb, what, err, ticket.ErrCorrupt)
		}
	}
	wantErr(tb, "create", s.Create(tb.Context(), id, record("grant"), lifetime), ticket.ErrExists)
}

func TestRedisWrongType(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openRedis(t, server.URL()), plainClient(t, server)
	id := ticket.NewID()
	key := store.DefaultPrefix + string(id)
	if err := client.HSet(t.Context(), key, "field", "value").Err(); err != nil {
		t.Fatal(err)
	}
	wantUnreadable(t, s, id)
	if got := client.HGet(t.Context(), key, "field").Val(); got != "value" {
		t.Errorf("the foreign key was touched: field is %q", got)
	}
}

// Every prefix of a value that does not reach the payload is refused. The
// payload is opaque to the store, and package ticket knows its end.
func TestRedisTruncatedValue(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openRedis(t, server.URL()), plainClient(t, server)
	live, spent := mustCreate(t, s), mustCreate(t, s)
	mustConsume(t, s, spent)
	for _, id := range []ticket.ID{live, spent} {
		value := valueOf(t, client, id)
		for n := range len(value) - len("grant") {
			put(t, client, id, value[:n])
			wantUnreadable(t, s, id)
		}
	}
}

func TestRedisForeignValue(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openRedis(t, server.URL()), plainClient(t, server)
	good := valueOf(t, client, mustCreate(t, s))
	tests := []struct {
		rule  string
		value func(id ticket.ID) []byte
	}{
		{"a record under another ID is none", func(ticket.ID) []byte { return good }},
		{"an empty value", func(ticket.ID) []byte { return nil }},
		{"a text that is long enough", func(ticket.ID) []byte { return []byte(`{"sub":"admin","aud":"chat","padding":"` + string(good)) }},
		{"a version of the future", func(id ticket.ID) []byte { return rewritten(t, s, client, id, 0, 2) }},
		{"a state of zero", func(id ticket.ID) []byte { return rewritten(t, s, client, id, 73, 0) }},
		{"an unknown state", func(id ticket.ID) []byte { return rewritten(t, s, client, id, 73, 5) }},
		{"a live record with a mark", func(id ticket.ID) []byte { return rewritten(t, s, client, id, 81, 1) }},
		{"a live record with an attempt", func(id ticket.ID) []byte { return rewritten(t, s, client, id, 82, 1) }},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			id := ticket.NewID()
			value := tt.value(id)
			for what, ask := range map[string]func() error{
				"consume": func() error { _, err := s.Consume(t.Context(), id, redeemed("a"), retry); return err },
				"settle":  func() error { return s.Settle(t.Context(), id, redeemed("a")) },
				"lookup":  func() error { _, err := s.Lookup(t.Context(), id); return err },
			} {
				put(t, client, id, value)
				wantErr(t, what, ask(), ticket.ErrCorrupt)
			}
		})
	}
}

// rewritten creates a good record under id and changes one byte of it.
func rewritten(t *testing.T, s ticket.Store, c *redis.Client, id ticket.ID, at int, b byte) []byte {
	t.Helper()
	if err := s.Create(t.Context(), id, record("grant"), lifetime); err != nil {
		t.Fatal(err)
	}
	value := valueOf(t, c, id)
	value[at] = b
	return value
}

// What Redis holds of a ticket costs one key, and a spent one is no larger
// than its mark.
func TestRedisKeys(t *testing.T) {
	server := testenv.Redis(t)
	client := plainClient(t, server)
	s, err := store.OpenRedis(server.URL(), store.RedisOptions{Prefix: "app:t.", Retention: retention})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	id := mustCreate(t, s)
	mustConsume(t, s, id)
	keys := client.Keys(t.Context(), "*").Val()
	if len(keys) != 1 || keys[0] != "app:t."+string(id) {
		t.Errorf("keys: got %q, want the prefix and the ID", keys)
	}
}
