package redisstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestOnlyTheServersNilIsAReply(t *testing.T) {
	cmd := redis.NewStringCmd(t.Context(), "get", "k")
	if answer, err := replyTo(cmd, redis.Nil); err != nil || answer.found {
		t.Errorf("the server's nil: got %+v, %v, want nothing found", answer, err)
	}
	lost := fmt.Errorf("no such primary: %w", redis.Nil)
	if _, err := replyTo(cmd, lost); !errors.Is(err, lost) {
		t.Errorf("a Sentinel's nil: got %v, want the error", err)
	}
}
