package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/ticket"
)

var _ ticket.Stream = (*Store)(nil)

const (
	// streamKey and headKey follow the prefix. Their hash tag puts them into one slot
	// of a cluster.
	streamKey = "{live}:revocations"
	headKey   = "{live}:head"
	// streamBlock is how long a read waits for entries. Nothing can interrupt a read of the
	// client library, and one without end would hold its connection for ever.
	streamBlock = 2 * time.Second
	// streamBatch bounds the entries of a batch.
	streamBatch = 1000
	// noEpoch is the epoch of servers that do not report their replication identity.
	noEpoch = "none"
)

// KeepStream keeps the entries of streams for at least so long from now on, if that is
// longer than before: see [Options].StreamRetention.
func (s *Store) KeepStream(retention time.Duration) {
	for {
		before := s.streamRetention.Load()
		if int64(retention) <= before || s.streamRetention.CompareAndSwap(before, int64(retention)) {
			return
		}
	}
}

func (s *Store) keepsStream() time.Duration { return time.Duration(s.streamRetention.Load()) }

// Append implements [ticket.Stream]. What is older than Options.StreamRetention is
// trimmed, by its age and never by the number of entries: otherwise many new ones could
// push out what is still needed. A Redis that is full is [ticket.ErrFull].
func (s *Store) Append(ctx context.Context, entry []byte) (ticket.Position, error) {
	return s.revocations().Append(ctx, entry)
}

// Read implements [ticket.Stream]. The replication identity of the server is the epoch:
// it changes with each failover and restart, after which entries may be missing.
func (s *Store) Read(ctx context.Context, after ticket.Position) (ticket.Batch, error) {
	return s.revocations().Read(ctx, after)
}

func (s *Store) revocations() namedStream {
	return namedStream{s, s.prefix + streamKey, s.prefix + headKey}
}

// namedStream is one of the streams of a store.
type namedStream struct {
	*Store

	key, head string
}

// Append implements [ticket.Stream]: see [Store.Append].
func (s namedStream) Append(ctx context.Context, entry []byte) (ticket.Position, error) {
	r, epoch, err := s.runStream(ctx, s.scripts.append, entry, s.keepsStream().Milliseconds())
	if outage, ok := errors.AsType[*OutageError](err); ok && outage.kind == OutageMemory {
		return ticket.Position{}, fmt.Errorf("append: %w: %w", ticket.ErrFull, err)
	}
	if err != nil {
		return ticket.Position{}, fmt.Errorf("append: %w", err)
	}
	text, _ := r.(string)
	at, ok := parsePosition(epoch, text)
	if !ok {
		return ticket.Position{}, fmt.Errorf("append: %w", &OutageError{kind: OutageOther})
	}
	return at, nil
}

// Read implements [ticket.Stream]: see [Store.Read].
func (s namedStream) Read(ctx context.Context, after ticket.Position) (ticket.Batch, error) {
	b, err := s.readNow(ctx, after)
	if err != nil || len(b.Entries) > 0 || b.Restarted {
		return b, err
	}
	arrived, err := s.awaitEntry(ctx, b.Next)
	if err != nil || !arrived {
		return b, err
	}
	// The script reads the entry, because it may be in another primary by now.
	return s.readNow(ctx, b.Next)
}

// readNow returns what there is, and finds out whether it is all.
func (s namedStream) readNow(ctx context.Context, after ticket.Position) (ticket.Batch, error) {
	r, epoch, err := s.runStream(ctx, s.scripts.read,
		after.Epoch, after.Millis, after.Sequence, streamBatch, s.keepsStream().Milliseconds())
	if err != nil {
		return ticket.Batch{}, fmt.Errorf("read: %w", err)
	}
	b, ok := parseBatch(epoch, after, r)
	if !ok {
		return ticket.Batch{}, fmt.Errorf("read: %w", &OutageError{kind: OutageOther})
	}
	return b, nil
}

// awaitEntry waits for an entry after a position, and reports whether one came. It
// returns as soon as ctx ends. The command, which nothing can interrupt, ends by itself
// then, or when the store is closed.
func (s namedStream) awaitEntry(ctx context.Context, after ticket.Position) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, streamBlock+s.timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- s.client.XRead(limited, &redis.XReadArgs{
			Streams: []string{s.key, positionID(after)}, Count: 1, Block: streamBlock,
		}).Err()
	}()
	var err error
	select {
	case err = <-done:
	case <-limited.Done():
		err = limited.Err()
	}
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read: %w", s.translate(ctx, err))
	}
	return true, nil
}

// runStream runs a script on the stream, and returns its reply and the epoch.
func (s namedStream) runStream(ctx context.Context, sc guardedScript, args ...any) (reply any, epoch string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", s.translate(ctx, err)
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	found, err := s.runStreamScript(limited, sc, args)
	if err == nil {
		list, _ := found.([]any)
		if len(list) == 2 {
			epoch, _ = list[0].(string)
			return list[1], epoch, nil
		}
		err = &OutageError{kind: OutageOther}
	}
	s.learnFromError(limited, s.key, err)
	return nil, "", s.translate(ctx, err)
}

func (s namedStream) runStreamScript(ctx context.Context, sc guardedScript, args []any) (any, error) {
	fenced, err := s.isFenced(ctx, s.key)
	if err != nil {
		return nil, err
	}
	chosen := sc.unfenced
	if fenced {
		chosen = sc.fenced
	}
	all := append([]any{"evalsha", chosen.digest, 2, s.key, s.head}, args...)
	cmd := onceReply{redis.NewCmd(ctx, all...)}
	err = s.client.Process(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		all[0], all[1] = "eval", chosen.text
		cmd = onceReply{redis.NewCmd(ctx, all...)}
		err = s.client.Process(ctx, cmd)
	}
	if err != nil {
		return nil, err
	}
	return cmd.Val(), nil
}

// onceReply is [onceCmd] for a command whose reply is an array.
type onceReply struct{ *redis.Cmd }

// NoRetry overrides the method of the command.
func (onceReply) NoRetry() bool { return true }

// parseBatch reads the reply of the script: gap, the ID up to which it has
// read, and entries.
func parseBatch(epoch string, after ticket.Position, reply any) (ticket.Batch, bool) {
	list, _ := reply.([]any)
	if len(list) < 2 {
		return ticket.Batch{}, false
	}
	gap, _ := list[0].(int64)
	last, _ := list[1].(string)
	b := ticket.Batch{Restarted: epoch != after.Epoch || gap != 0, Gap: gap != 0}
	var ok bool
	if b.Next, ok = parsePosition(epoch, last); !ok {
		return ticket.Batch{}, false
	}
	for _, entry := range list[2:] {
		text, _ := entry.(string)
		b.Entries = append(b.Entries, []byte(text))
	}
	return b, true
}

func positionID(p ticket.Position) string {
	return strconv.FormatUint(p.Millis, 10) + "-" + strconv.FormatUint(p.Sequence, 10)
}

// parsePosition reads the ID of an entry, which is "milliseconds-sequence".
func parsePosition(epoch, id string) (ticket.Position, bool) {
	millis, sequence, found := strings.Cut(id, "-")
	m, err := strconv.ParseUint(millis, 10, 64)
	n, fault := strconv.ParseUint(sequence, 10, 64)
	return ticket.Position{Epoch: epoch, Millis: m, Sequence: n}, found && err == nil && fault == nil
}
