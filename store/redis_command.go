package store

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"wsticket/ticket"
)

// once is a command that the client library must not send again by itself. By
// then the server may have run it, and the second answer would be about that.
type once struct{ *redis.StringCmd }

// NoRetry overrides the method of the command.
func (once) NoRetry() bool { return true }

// reply is what Redis answered: a value, or that there is none.
type reply struct {
	value []byte
	found bool
}

// entry reads the reply to a question about id.
func (a reply) entry(id ticket.ID) (ticket.Entry, error) {
	if !a.found {
		return ticket.Entry{}, ticket.ErrNotFound
	}
	return decode(id, a.value)
}

// ask sends one command once and waits no longer than the store's timeout.
// Its error wraps a sentinel of package ticket.
func (r *Redis) ask(ctx context.Context, args ...any) (reply, error) {
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	answer, err := send(limited, r.client, args...)
	return answer, outage(ctx, err)
}

// eval runs a script on one key. It is sent by its digest; where the server
// does not know it, the script itself follows. That is no second try: a server
// that says NOSCRIPT has run nothing.
func (r *Redis) eval(ctx context.Context, s script, key string, args ...any) (reply, error) {
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	answer, err := send(limited, r.client, append([]any{"evalsha", s.digest, 1, key}, args...)...)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		answer, err = send(limited, r.client, append([]any{"eval", s.text, 1, key}, args...)...)
	}
	return answer, outage(ctx, err)
}

func send(ctx context.Context, client redis.UniversalClient, args ...any) (reply, error) {
	cmd := once{redis.NewStringCmd(ctx, args...)}
	err := client.Process(ctx, cmd)
	switch {
	case errors.Is(err, redis.Nil):
		return reply{}, nil
	case err != nil:
		return reply{}, err
	default:
		return reply{value: []byte(cmd.Val()), found: true}, nil
	}
}
