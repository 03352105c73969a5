package redisstore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

const (
	// pipelineThreshold is the number of concurrent callers from which on they
	// share pipelines. Fewer callers are faster on a connection each.
	pipelineThreshold = 8
	// maxBatches is the number of batches in flight to a server. More than one
	// use the time that a reply takes, and a connection that hangs does not
	// block all callers.
	maxBatches = 4
	// maxQueued limits the commands that wait in the pipeline of a server. It is
	// what a slow server can answer within the default timeout; further callers
	// are refused at once.
	maxQueued = 4096
)

// pipelineOptions are measured by BenchmarkPipeline. Unordered is safe: no
// caller sends a command before the one that it depends on was answered.
func pipelineOptions() *redis.AutoPipelineOptions {
	return &redis.AutoPipelineOptions{
		MaxConcurrentBatches: maxBatches, Unordered: true, MaxQueuedCommands: maxQueued,
	}
}

// pipeline sends the commands of a store. Below the threshold each caller uses
// a connection; above it the client library gathers the commands that wait
// while others are in flight.
//
// The library runs a pipelined command without the caller's context. The caller
// still stops waiting in time, and does not know the outcome then.
type pipeline struct {
	client    redis.UniversalClient
	nodes     clusterNodes // nil unless on a cluster
	threshold int64        // negative: never use pipelines
	options   *redis.AutoPipelineOptions
	inFlight  atomic.Int64
}

// clusterNodes is what *redis.ClusterClient knows about its nodes.
type clusterNodes interface {
	MasterForKey(ctx context.Context, key string) (*redis.Client, error)
	ReloadState(ctx context.Context)
}

func (p *pipeline) init(client redis.UniversalClient, threshold int64, o *redis.AutoPipelineOptions) {
	p.client, p.threshold, p.options = client, threshold, o
	p.nodes, _ = client.(clusterNodes)
}

// forKey returns the processor for commands on one key.
func (p *pipeline) forKey(key string) processor { return keyPipeline{p, key} }

type keyPipeline struct {
	*pipeline
	key string
}

// Process sends a command and waits for its reply, or for the end of ctx.
func (p keyPipeline) Process(ctx context.Context, cmd redis.Cmder) error {
	concurrent := p.inFlight.Add(1)
	defer p.inFlight.Add(-1)
	if p.threshold < 0 || concurrent < p.threshold {
		return p.client.Process(ctx, cmd)
	}
	auto := p.autoPipeline(ctx)
	if auto == nil {
		return p.client.Process(ctx, cmd)
	}
	err := auto.Submit(ctx, cmd).WaitContext(ctx)
	if p.nodes != nil && isRedirect(err) {
		return p.client.Process(ctx, cmd) // follows the redirect
	}
	return err
}

// autoPipeline returns the pipeline of the server that has the key, or nil. The
// library's pipeline for a whole cluster waits for all nodes, so that one that
// hangs would block every caller. A pipeline belongs to the client, which makes
// it at the first call and closes it.
func (p keyPipeline) autoPipeline(ctx context.Context) *redis.AutoPipeliner {
	client, _ := p.client.(*redis.Client)
	if p.nodes != nil {
		client, _ = p.nodes.MasterForKey(ctx, p.key)
	}
	if client == nil {
		return nil // Without a node, the command itself will fail.
	}
	auto, err := client.AsyncAutoPipelineWithOptions(p.options)
	if err != nil {
		return nil // On a closed client too.
	}
	return auto
}

// send is [send] for a key. It also reports whether a node of a cluster has
// redirected the command, which the client library follows silently.
func (p *pipeline) send(ctx context.Context, key string, args []any) (_ reply, redirected bool, _ error) {
	if p.nodes == nil {
		r, err := send(ctx, p.forKey(key), args...)
		return r, false, err
	}
	cmd := redirectCmd{onceCmd: onceCmd{redis.NewStringCmd(ctx, args...)}}
	r, err := replyTo(cmd.StringCmd, p.forKey(key).Process(ctx, &cmd))
	if err != nil { // and the command may still be in use
		return r, false, err
	}
	return r, cmd.redirected, nil
}

// redirectCmd is a command that remembers whether it was redirected.
type redirectCmd struct {
	onceCmd
	redirected bool
}

// SetErr is called with the reply of each node.
func (c *redirectCmd) SetErr(err error) {
	c.redirected = c.redirected || isRedirect(err)
	c.onceCmd.SetErr(err)
}

// isRedirect reports whether a node of a cluster has not run a command because
// another one has the slot, or because the node has left the cluster.
func isRedirect(err error) bool {
	return redis.HasErrorPrefix(err, "MOVED ") || redis.HasErrorPrefix(err, "ASK ") || errors.Is(err, redis.ErrClosed)
}
