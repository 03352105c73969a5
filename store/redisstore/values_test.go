package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// valueOf returns what is stored under id.
func valueOf(tb testing.TB, c *redis.Client, id ticket.ID) []byte {
	tb.Helper()
	value, err := c.Get(tb.Context(), key(id)).Bytes()
	if err != nil {
		tb.Fatalf("get: %v", err)
	}
	return value
}

// put writes a value without the store.
func put(tb testing.TB, c *redis.Client, id ticket.ID, value []byte) {
	tb.Helper()
	if err := c.Set(tb.Context(), key(id), value, fixture.Lifetime).Err(); err != nil {
		tb.Fatalf("set: %v", err)
	}
}

// wantUnreadable checks that every operation refuses the value under id.
func wantUnreadable(tb testing.TB, s ticket.Store, id ticket.ID) {
	tb.Helper()
	for what, err := range fixture.Operations(tb, tb.Context(), s, id) {
		if what != "create" {
			fixture.WantErr(tb, what, err, ticket.ErrCorrupt)
		}
	}
	fixture.WantErr(tb, "create", s.Create(tb.Context(), id, fixture.Record(), fixture.Lifetime), ticket.ErrExists)
}

func TestWrongType(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openStore(t, server.URL()), plainClient(t, server)
	id := ticket.NewID()
	key := key(id)
	if err := client.HSet(t.Context(), key, "field", "value").Err(); err != nil {
		t.Fatal(err)
	}
	wantUnreadable(t, s, id)
	if got := client.HGet(t.Context(), key, "field").Val(); got != "value" {
		t.Errorf("the foreign key was touched: field is %q", got)
	}
}

func TestForeignValue(t *testing.T) {
	server := testenv.Redis(t)
	s, client := openStore(t, server.URL()), plainClient(t, server)
	good := valueOf(t, client, fixture.Create(t, s))
	tests := []struct {
		rule  string
		value func(id ticket.ID) []byte
	}{
		{"a record under another ID is none", func(ticket.ID) []byte { return good }},
		{"an empty value", func(ticket.ID) []byte { return nil }},
		{"a text that is long enough", func(ticket.ID) []byte { return []byte(`{"sub":"admin","aud":"chat","padding":"` + string(good)) }},
		{"a version of the future", func(id ticket.ID) []byte { return rewritten(t, s, client, id, 0, 3) }},
		{"a record that is cut", func(id ticket.ID) []byte { return rewritten(t, s, client, id, 0, 2)[:181] }},
		{"an unknown state", func(id ticket.ID) []byte { return rewritten(t, s, client, id, 73, 6) }},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			id := ticket.NewID()
			value := tt.value(id)
			for what, ask := range map[string]func() error{
				"consume": func() error { _, err := s.Consume(t.Context(), id, fixture.Redeemed("a"), fixture.Retry); return err },
				"settle":  func() error { return s.Settle(t.Context(), id, fixture.Redeemed("a")) },
				"lookup":  func() error { _, err := s.Lookup(t.Context(), id); return err },
			} {
				put(t, client, id, value)
				fixture.WantErr(t, what, ask(), ticket.ErrCorrupt)
			}
		})
	}
}

// rewritten creates a good record under id and changes one byte of it.
func rewritten(t *testing.T, s ticket.Store, c *redis.Client, id ticket.ID, at int, b byte) []byte {
	t.Helper()
	if err := s.Create(t.Context(), id, fixture.Record(), fixture.Lifetime); err != nil {
		t.Fatal(err)
	}
	value := valueOf(t, c, id)
	value[at] = b
	return value
}

// A ticket is one key, whether it is live or spent.
func TestKeys(t *testing.T) {
	server := testenv.Redis(t)
	client := plainClient(t, server)
	s, err := redisstore.Open(server.URL(), redisstore.Options{Prefix: "app:t.", Retention: fixture.Retention})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, s) })
	id := fixture.Create(t, s)
	fixture.Consume(t, s, id)
	keys := client.Keys(t.Context(), "*").Val()
	if len(keys) != 1 || keys[0] != "app:t."+string(id) {
		t.Errorf("keys: got %q, want the prefix and the ID", keys)
	}
}
