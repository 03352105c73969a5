package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"

	"wsticket/store/internal/record"
	"wsticket/ticket"
)

// onceCmd is a command that the client library must not send again by itself:
// the server may have run it, and the second reply would be about that. It
// holds for every kind of client. In a pipeline one such command keeps the
// whole batch from being sent again.
type onceCmd struct{ *redis.StringCmd }

// NoRetry overrides the method of the command.
func (onceCmd) NoRetry() bool { return true }

// processor is a client, one connection, or the pipeline for a key.
type processor interface {
	Process(ctx context.Context, cmd redis.Cmder) error
}

// reply is the reply of Redis: a value, or nil.
type reply struct {
	value []byte
	found bool
}

// entry decodes the reply to a command about id.
func (r reply) entry(id ticket.ID) (ticket.Entry, error) {
	if !r.found {
		return ticket.Entry{}, ticket.ErrNotFound
	}
	return record.Decode(id, r.value)
}

// send sends one command, once. The reply shares no memory with the client.
// After an error neither the command nor its args may be changed: if the caller
// gave up, the command may still be waiting to be written.
func send(ctx context.Context, p processor, args ...any) (reply, error) {
	cmd := onceCmd{redis.NewStringCmd(ctx, args...)}
	return replyTo(cmd.StringCmd, p.Process(ctx, cmd))
}

// replyTo reads the reply to a command that ended with err. Only the bare
// redis.Nil is a reply: a client that asked Sentinels for an unknown primary
// wraps it, and has sent no command.
func replyTo(cmd *redis.StringCmd, err error) (reply, error) {
	if err == redis.Nil { //nolint:errorlint // See above.
		return reply{}, nil
	}
	if err != nil {
		return reply{}, err
	}
	value, err := cmd.Bytes()
	return reply{value: value, found: true}, err
}

// runScript runs a script on the keys. It sends the digest, and the text if the
// server does not know that. The text is not a retry: a server that replies
// NOSCRIPT has run nothing.
func runScript(ctx context.Context, p processor, s script, keys []string, args ...any) (reply, error) {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", s.digest, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	all = append(all, args...)
	r, err := send(ctx, p, all...)
	if err == nil || !redis.HasErrorPrefix(err, "NOSCRIPT") {
		return r, err
	}
	withText := append([]any{"eval", s.text}, all[2:]...)
	return send(ctx, p, withText...)
}

// withTimeout runs fn for an operation on a key. It learns from failures that
// the primary may have changed, and translates them to errors of package ticket.
// For a caller who has given up already it sends nothing: the pipeline, which
// has no context, would run the command and might even be first with its reply.
func (s *Store) withTimeout(ctx context.Context, key string, fn func(context.Context) (reply, error)) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, s.translate(ctx, err)
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	r, err := fn(limited)
	if err != nil {
		s.learnFromError(limited, key, err)
	}
	return r, s.translate(ctx, err)
}

// runStep runs a step on keys of one slot, behind the guard that the store uses.
func (s *Store) runStep(ctx context.Context, step guardedScript, keys []string, args ...any) (reply, error) {
	key := keys[0]
	return s.withTimeout(ctx, key, func(ctx context.Context) (reply, error) {
		fenced, err := s.isFenced(ctx, key)
		if err != nil {
			return reply{}, err
		}
		sc := step.unfenced
		if fenced {
			sc = step.fenced
		}
		return runScript(ctx, s.pipeline.forKey(key), sc, keys, args...)
	})
}
