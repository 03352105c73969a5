package store

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

const (
	// crowd is how many callers at once make a pipeline worth its while. Fewer
	// of them are faster each on a connection of their own.
	crowd = 8
	// maxBatches is how many batches are under way to a server at once. More
	// than one of them make use of the time that an answer takes, and a
	// connection that hangs does not hold up everybody.
	maxBatches = 4
	// maxQueued bounds the commands in a server's pipeline. That is what a slow
	// server works off within the default timeout; whoever comes on top of it
	// is refused at once.
	maxQueued = 4096
)

// pipelineOptions: see BenchmarkPipeline for what they are worth. No order is
// lost by several batches: nobody sends a command before the one that it
// depends on was answered.
func pipelineOptions() *redis.AutoPipelineOptions {
	return &redis.AutoPipelineOptions{
		MaxConcurrentBatches: maxBatches, Unordered: true, MaxQueuedCommands: maxQueued,
	}
}

// lane is the way of the commands to Redis. Few callers go one by one; many
// share pipelines, which the client library puts together from what waits
// while others are under way.
//
// The library runs a pipelined command without its caller's context. The
// caller stops waiting in time all the same, and takes the outcome for unknown.
type lane struct {
	client   redis.UniversalClient
	nodes    masters // nil but on a cluster
	from     int64   // callers at once that share a pipeline; negative for never
	options  *redis.AutoPipelineOptions
	inFlight atomic.Int64
}

// masters is what tells the servers of a cluster apart.
type masters interface {
	MasterForKey(ctx context.Context, key string) (*redis.Client, error)
	ReloadState(ctx context.Context)
}

func (l *lane) open(client redis.UniversalClient, from int64, o *redis.AutoPipelineOptions) {
	l.client, l.from, l.options = client, from, o
	l.nodes, _ = client.(masters)
}

// to is the way of the commands on one key.
func (l *lane) to(key string) processor { return keyLane{l, key} }

type keyLane struct {
	*lane
	key string
}

// Process sends a command and waits for its answer, or for the end of ctx.
func (l keyLane) Process(ctx context.Context, cmd redis.Cmder) error {
	others := l.inFlight.Add(1)
	defer l.inFlight.Add(-1)
	if l.from < 0 || others < l.from {
		return l.client.Process(ctx, cmd)
	}
	pipeline := l.pipeline(ctx)
	if pipeline == nil {
		return l.client.Process(ctx, cmd)
	}
	err := pipeline.Submit(ctx, cmd).WaitContext(ctx)
	if l.nodes != nil && sentOn(err) {
		return l.client.Process(ctx, cmd)
	}
	return err
}

// pipeline returns the one of the server that has the key, or nil. Each server
// of a cluster has its own: the library's pipeline for a whole cluster waits
// for all of them, and one that hangs would hold up everybody. A pipeline
// belongs to the client, which makes it the first time and ends it.
func (l keyLane) pipeline(ctx context.Context) *redis.AutoPipeliner {
	client, _ := l.client.(*redis.Client)
	if l.nodes != nil {
		client, _ = l.nodes.MasterForKey(ctx, l.key)
	}
	if client == nil {
		return nil // who has no pipeline, or no such server, will say so
	}
	pipeline, err := client.AsyncAutoPipelineWithOptions(l.options)
	if err != nil {
		return nil // likewise
	}
	return pipeline
}

// sendTracked is send on the way to a key, and tells whether a server of a
// cluster has sent the command on to another one: the client library follows
// in silence.
func (l *lane) sendTracked(ctx context.Context, key string, args []any) (_ reply, sentOn bool, _ error) {
	if l.nodes == nil {
		answer, err := send(ctx, l.to(key), args...)
		return answer, false, err
	}
	cmd := tracked{once: once{redis.NewStringCmd(ctx, args...)}}
	answer, err := read(cmd.StringCmd, l.to(key).Process(ctx, &cmd))
	if err != nil { // and the command may be in use still
		return answer, false, err
	}
	return answer, cmd.sentOn, nil
}

// tracked is a command that remembers whether it was sent on.
type tracked struct {
	once
	sentOn bool
}

// SetErr is called with the answer of each server.
func (t *tracked) SetErr(err error) {
	t.sentOn = t.sentOn || sentOn(err)
	t.once.SetErr(err)
}

// sentOn tells whether a server of a cluster has not run a command, because
// another one has the slot now, or because it has left the cluster.
func sentOn(err error) bool {
	return redis.HasErrorPrefix(err, "MOVED ") || redis.HasErrorPrefix(err, "ASK ") || errors.Is(err, redis.ErrClosed)
}
