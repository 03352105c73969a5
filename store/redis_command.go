package store

import (
	"context"

	"github.com/redis/go-redis/v9"

	"wsticket/ticket"
)

// once is a command that the client library must not send again by itself. By
// then the server may have run it, and the second answer would be about that.
// It holds for each kind of client and for a pipeline too, where one such
// command keeps the whole batch from being sent again.
type once struct{ *redis.StringCmd }

// NoRetry overrides the method of the command.
func (once) NoRetry() bool { return true }

// processor is a client, one connection, or a lane to a key.
type processor interface {
	Process(ctx context.Context, cmd redis.Cmder) error
}

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

// send sends one command, once. The value of the reply is nobody else's. After
// an error neither the command nor what its args alias may be touched any
// more: where it was the caller who gave up, it may still be on its way.
func send(ctx context.Context, p processor, args ...any) (reply, error) {
	cmd := once{redis.NewStringCmd(ctx, args...)}
	return read(cmd.StringCmd, p.Process(ctx, cmd))
}

// read reads the answer to a command that has ended with err. Only the bare
// redis.Nil is an answer: a client that asked Sentinels for a primary that they
// do not know wraps it, and has asked no server at all.
func read(cmd *redis.StringCmd, err error) (reply, error) {
	if err == redis.Nil { //nolint:errorlint // see above
		return reply{}, nil
	}
	if err != nil {
		return reply{}, err
	}
	value, err := cmd.Bytes()
	return reply{value: value, found: true}, err
}

// run runs a script on the keys. It is sent by its digest; where the server
// does not know it, the script itself follows. That is no second try: a server
// that says NOSCRIPT has run nothing.
func run(ctx context.Context, p processor, s script, keys []string, args ...any) (reply, error) {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", s.digest, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	all = append(all, args...)
	answer, err := send(ctx, p, all...)
	if err == nil || !redis.HasErrorPrefix(err, "NOSCRIPT") {
		return answer, err
	}
	again := append([]any{"eval", s.text}, all[2:]...)
	return send(ctx, p, again...)
}

// within runs fn for an operation on a key, with the store's timeout. It learns
// from what went wrong, and names it with an error of package ticket.
func (r *Redis) within(ctx context.Context, key string, fn func(context.Context) (reply, error)) (reply, error) {
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	answer, err := fn(limited)
	if err != nil {
		r.notice(limited, key, err)
	}
	return answer, outage(ctx, err)
}

// eval runs a step on a key, behind the guard that the store has.
func (r *Redis) eval(ctx context.Context, g guarded, key string, args ...any) (reply, error) {
	return r.within(ctx, key, func(ctx context.Context) (reply, error) {
		fenced, err := r.fenced(ctx, key)
		if err != nil {
			return reply{}, err
		}
		s := g.plain
		if fenced {
			s = g.fenced
		}
		return run(ctx, r.lane.to(key), s, []string{key}, args...)
	})
}
