package redisstore

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// leaseLife is how long a place is held after it was last kept.
const leaseLife = 30 * time.Second

// The scripts of places. A key is a sorted set of those that are taken, by when they
// lapse. A place is named by when it was taken, in 17 digits, and its ID, so that the
// names are in the order of their age.
const (
	// takeScript: KEYS[1] set; ARGV ID, lease in milliseconds, how many there may be, 1
	// to displace the oldest. It returns the name of the place and the displaced IDs.
	takeScript = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local taken = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if name:sub(19) == ARGV[1] then
    redis.call('ZREM', KEYS[1], name)
  else
    taken[#taken + 1] = name
  end
end
local over = #taken - ARGV[3] + 1
if over > 0 and ARGV[4] ~= '1' then return '' end
table.sort(taken)
local reply = {string.format('%011d%06d ', t[1], t[2]) .. ARGV[1]}
for i = 1, over do
  redis.call('ZREM', KEYS[1], taken[i])
  reply[#reply + 1] = taken[i]:sub(19)
end
redis.call('ZADD', KEYS[1], now + ARGV[2], reply[1])
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[2])
return table.concat(reply, '\n')`

	// keepScript: KEYS sets; ARGV lease in milliseconds, a name for each set.
	keepScript = `local t = redis.call('TIME')
local till = t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[1]
for i, set in ipairs(KEYS) do
  redis.call('ZADD', set, till, ARGV[i + 1])
  redis.call('PEXPIRE', set, 2 * ARGV[1])
end
return ''`

	// releaseScript: KEYS sets; ARGV a name for each.
	releaseScript = `for i, set in ipairs(KEYS) do redis.call('ZREM', set, ARGV[i]) end
return ''`
)

// Leases are places under keys, of which there is a number for each key, in all
// processes that share a Redis. A place that is not kept lapses after 30 s by the
// server's clock. It is safe for concurrent use.
type Leases struct {
	store               *Store
	life                time.Duration
	take, keep, release script
}

// Leases returns the places of the store.
func (s *Store) Leases() *Leases {
	return &Leases{store: s, life: leaseLife, take: newScript(takeScript), keep: newScript(keepScript), release: newScript(releaseScript)}
}

func (l *Leases) key(name string) string { return l.store.liveKey("c:" + name) }

func (l *Leases) keys(names []string) []string {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = l.key(name)
	}
	return keys
}

// Take takes a place for an ID, and returns its name. If limit others are taken, the
// name is empty; with displace the oldest of them make room, and their IDs are
// returned. A place of the same ID is given up in any case. The error wraps
// [ticket.ErrUnavailable]: then the place may be taken, until it lapses.
func (l *Leases) Take(ctx context.Context, key, id string, limit int, displace bool) (place string, displaced []string, err error) {
	flag := 0
	if displace {
		flag = 1
	}
	r, err := l.store.runOn(ctx, l.take, []string{l.key(key)}, id, l.life.Milliseconds(), limit, flag)
	if err != nil {
		return "", nil, fmt.Errorf("take a place: %w", err)
	}
	names := strings.Split(string(r.value), "\n")
	return names[0], names[1:], nil
}

// Keep holds places for another lease, also those that the server has lost. places[i]
// is under keys[i].
func (l *Leases) Keep(ctx context.Context, keys, places []string) error {
	args := []any{l.life.Milliseconds()}
	for _, place := range places {
		args = append(args, place)
	}
	if _, err := l.store.runOn(ctx, l.keep, l.keys(keys), args...); err != nil {
		return fmt.Errorf("keep places: %w", err)
	}
	return nil
}

// Release gives places up.
func (l *Leases) Release(ctx context.Context, keys, places []string) error {
	var args []any
	for _, place := range places {
		args = append(args, place)
	}
	if _, err := l.store.runOn(ctx, l.release, l.keys(keys), args...); err != nil {
		return fmt.Errorf("release places: %w", err)
	}
	return nil
}
