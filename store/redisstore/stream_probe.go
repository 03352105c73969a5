package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// The keys of the probe follow the prefix. Nothing is ever written to the first. The
// second is a list for an instant.
const (
	probeKey  = "{live}:probe"
	probeList = "{live}:probe:list"
)

// probe is a command that changes nothing where the key is missing.
type probe struct {
	right string
	key   int8 // where the key is
	args  []any
}

// streamProbes are what the stream and [Peers] use, each once.
func (s *Store) streamProbes() []probe {
	key, list := s.prefix+probeKey, s.prefix+probeList
	return []probe{
		{"+time", 0, []any{"time"}},
		{"+xinfo|stream", 2, []any{"xinfo", "stream", key}},
		{"+xrange", 1, []any{"xrange", key, "-", "+", "count", 1}},
		{"+xread", 4, []any{"xread", "count", 1, "streams", key, "0-0"}},
		{"+xadd", 1, []any{"xadd", key, "nomkstream", "*", entryField, ""}},
		{"+zadd", 1, []any{"zadd", key, "xx", 0, "nobody"}},
		{"+zrem", 1, []any{"zrem", key, "nobody"}},
		{"+zremrangebyscore", 1, []any{"zremrangebyscore", key, 0, 0}},
		{"+zrange", 1, []any{"zrange", key, 0, 0}},
		{"+llen", 1, []any{"llen", list}},
		{"+blpop", 1, []any{"blpop", list, "0.01"}},
		{"+pexpire", 1, []any{"pexpire", list, 1}},
		{"+rpush", 1, []any{"rpush", list, ""}},
		{"+pexpire", 1, []any{"pexpire", list, 1}}, // which ends the list
	}
}

// CheckStream returns an error if the Redis user may not use the stream or the bus
// between processes, which names the right that is missing. It leaves nothing behind.
// Other errors wrap [ticket.ErrUnavailable]. A server that is full is none: it has looked
// at the rights before.
func (s *Store) CheckStream(ctx context.Context) error {
	for _, p := range s.streamProbes() {
		err := s.try(ctx, p)
		switch {
		case redis.HasErrorPrefix(err, "NOPERM"):
			cause := fmt.Sprintf("this user lacks the right %s: docs/redis.md lists what is needed", p.right)
			return fmt.Errorf("check the stream: %w", &OutageError{kind: OutageDenied, cause: cause})
		case err == nil, err == redis.Nil, redis.HasErrorPrefix(err, "no such key"), redis.IsOOMError(err): //nolint:errorlint // as in replyTo
		default:
			return fmt.Errorf("check the stream: %w", s.translate(ctx, err))
		}
	}
	return nil
}

func (s *Store) try(ctx context.Context, p probe) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	cmd := redis.NewCmd(limited, p.args...)
	cmd.SetFirstKeyPos(p.key)
	return s.client.Process(limited, onceReply{cmd})
}
