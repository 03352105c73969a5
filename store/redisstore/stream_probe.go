package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// probeKey follows the prefix. Nothing is ever written to it.
const probeKey = "{live}:probe"

// CheckStream returns an error if the Redis user may not use the stream, which names the
// right that is missing. It changes nothing. Other errors wrap [ticket.ErrUnavailable].
func (s *Store) CheckStream(ctx context.Context) error {
	key := s.prefix + probeKey
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for _, c := range []struct {
		right string
		args  []any
	}{
		{"+xinfo|stream", []any{"xinfo", "stream", key}},
		{"+xrange", []any{"xrange", key, "-", "+", "count", 1}},
		{"+xread", []any{"xread", "count", 1, "streams", key, "0-0"}},
		{"+xadd", []any{"xadd", key, "nomkstream", "*", entryField, ""}},
	} {
		err := s.client.Process(limited, onceReply{redis.NewCmd(limited, c.args...)})
		switch {
		case redis.HasErrorPrefix(err, "NOPERM"):
			cause := fmt.Sprintf("this user lacks the right %s: docs/redis.md lists what is needed", c.right)
			return fmt.Errorf("check the stream: %w", &OutageError{kind: OutageDenied, cause: cause})
		case err == nil, err == redis.Nil, redis.HasErrorPrefix(err, "no such key"): //nolint:errorlint // as in replyTo
		default:
			return fmt.Errorf("check the stream: %w", s.translate(ctx, err))
		}
	}
	return nil
}
