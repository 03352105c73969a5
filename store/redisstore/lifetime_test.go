package redisstore_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// TestLifetimeIsNotTheWritersToSet: whoever writes to Redis can change the times to
// live, and what a record says of them. That makes no ticket live longer than it
// was issued for, and none work twice.
func TestLifetimeIsNotTheWritersToSet(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	client := plainClient(t, server)
	now := time.Now()
	service, err := ticket.New(ticket.Options{Store: openStore(t, server.URL()), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	issue := func() ticket.Ticket {
		made, err := service.Issue(t.Context(), ticket.Request{Identity: aliceUntil(now.Add(time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	const dayLong = 24 * time.Hour
	for rule, row := range map[string]struct {
		write func(c *redis.Client, key string) error
		later time.Duration // by our clock
		want  string        // the reason; "ok" for a grant
	}{
		"a longer life": {func(c *redis.Client, key string) error { return c.PExpire(t.Context(), key, dayLong).Err() }, time.Minute, "expired"},
		"a longer life, in the ticket's own time": {
			func(c *redis.Client, key string) error { return c.PExpire(t.Context(), key, dayLong).Err() }, 0, "ok",
		},
		"no end": {func(c *redis.Client, key string) error { return c.Persist(t.Context(), key).Err() }, time.Minute, "expired"},
		"the end of its life": {
			func(c *redis.Client, key string) error { return c.PExpire(t.Context(), key, time.Minute).Err() }, 0, "expired",
		},
		"a record that is not kept": {
			func(c *redis.Client, key string) error {
				return c.SetRange(t.Context(), key, 74, "\x00\x00\x00\x00\x00\x00\x00\x00").Err()
			}, time.Minute, "expired",
		},
		"a record that expires later": {
			func(c *redis.Client, key string) error {
				return c.SetRange(t.Context(), key, 49, "\x00\x00\x7f\x00\x00\x00\x00\x00").Err()
			}, time.Minute, "corrupt",
		},
	} {
		made := issue()
		if err := row.write(client, redisstore.DefaultPrefix+string(made.ID)); err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		before := now
		now = now.Add(row.later)
		_, err := service.Redeem(t.Context(), made.Token, ticket.Presentation{})
		if got := ticket.Reason(err); (err == nil) != (row.want == "ok") || err != nil && got != row.want {
			t.Errorf("%s: got %v, want %s", rule, err, row.want)
		}
		grants := 0
		for range 3 {
			if err == nil {
				grants++
			}
			if err := client.PExpire(t.Context(), redisstore.DefaultPrefix+string(made.ID), dayLong).Err(); err != nil {
				t.Fatal(err)
			}
			_, err = service.Redeem(t.Context(), made.Token, ticket.Presentation{})
		}
		if grants > 1 {
			t.Errorf("%s: redeemed %d times", rule, grants)
		}
		now = before
	}
}

func aliceUntil(end time.Time) ticket.Identity {
	who := test.Alice()
	who.ExpiresAt = end
	return who
}
