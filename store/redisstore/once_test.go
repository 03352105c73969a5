package redisstore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// retryingClient is a client with the library's own retries.
func retryingClient(t *testing.T, addr string) redis.UniversalClient {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true})
	t.Cleanup(func() { mustClose(t, c) })
	return c
}

// clusterClient takes the server at addr for a cluster of one node, and counts how
// often it asks for the nodes. The loop of the library that follows redirects sends
// a command again whatever MaxRetries is.
func clusterClient(t *testing.T, addr string) (c redis.UniversalClient, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	c = redis.NewClusterClient(&redis.ClusterOptions{
		DisableIdentity: true, DisableRoutingPolicies: true,
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			asked.Add(1)
			return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: addr}}}}, nil
		},
	})
	t.Cleanup(func() { mustClose(t, c) })
	return c, asked
}

// storesBehind are stores of each kind on the server at addr, with and without
// pipelines.
func storesBehind(t *testing.T, addr string) map[string]*redisstore.Store {
	t.Helper()
	stores := make(map[string]*redisstore.Store)
	for way, from := range map[string]int64{"one by one": -1, "in a pipeline": 1} {
		stores["a client of our own, "+way] = openStore(t, "redis://"+addr)
		stores["a client with the library's retries, "+way] = redisstore.NewOn(retryingClient(t, addr), redisstore.Options{Retention: fixture.Retention})
		nodes, _ := clusterClient(t, addr)
		stores["a cluster, "+way] = redisstore.NewOn(nodes, redisstore.Options{Retention: fixture.Retention})
		for name, s := range stores {
			if strings.HasSuffix(name, way) {
				redisstore.UsePipeline(s, from, nil)
			}
		}
	}
	return stores
}

// A command whose reply was lost has run, and is not sent again. The same attempt
// may retry it, and no other one.
func TestLostReplyIsUnavailable(t *testing.T) {
	server := testenv.Redis(t)
	direct := openStore(t, server.URL())
	fixture.Consume(t, direct, fixture.Create(t, direct)) // Redis knows the script now.
	proxy := testenv.Proxy(t, server.Addr())
	for name, s := range storesBehind(t, proxy.Addr()) {
		t.Run(name, func(t *testing.T) {
			id := fixture.Create(t, s)
			sent, dropped := proxy.Seen("evalsha"), proxy.Dropped()
			proxy.DropReplyTo("evalsha", 1)
			entry, err := s.Consume(t.Context(), id, fixture.Redeemed("a"), fixture.Retry)
			wantKind(t, "consume", err, redisstore.OutageConnection)
			if entry.Record.Payload != nil {
				t.Errorf("consume: got payload %q with the error", entry.Record.Payload)
			}
			if got := proxy.Seen("evalsha") - sent; got != 1 || proxy.Dropped()-dropped != 1 {
				t.Errorf("the command was sent %d times, want once", got)
			}
			fixture.WantRefused(t, s, id, ticket.ErrSpent)
			entry, err = s.Consume(t.Context(), id, fixture.Redeemed("a"), fixture.Retry)
			if err != nil || entry.Mark.State != ticket.Redeemed {
				t.Errorf("the same attempt: got %v, %v; want the record again", entry.Mark.State, err)
			}
		})
	}
}

// A batch whose replies were lost has run in part. The outcome is unknown for each
// caller, and no command is sent again.
func TestLostBatchIsUnavailable(t *testing.T) {
	const callers = 64
	server := testenv.Redis(t)
	direct := openStore(t, server.URL())
	fixture.Consume(t, direct, fixture.Create(t, direct))
	proxy := testenv.Proxy(t, server.Addr())
	for name, s := range storesBehind(t, proxy.Addr()) {
		if !strings.HasSuffix(name, "in a pipeline") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ids := make([]ticket.ID, callers)
			for i := range ids {
				ids[i] = fixture.Create(t, s)
			}
			sent := proxy.Seen("evalsha")
			proxy.DropReplyTo("evalsha", callers/2)
			errs := make([]error, callers)
			var all sync.WaitGroup
			for i, id := range ids {
				all.Go(func() { _, errs[i] = s.Consume(t.Context(), id, fixture.Redeemed("a"), fixture.Retry) })
			}
			all.Wait()
			lost := 0
			for i, err := range errs {
				if err != nil {
					wantKind(t, "consume", err, redisstore.OutageConnection)
					lost++
					continue
				}
				fixture.WantRefused(t, direct, ids[i], ticket.ErrSpent)
			}
			if got := proxy.Seen("evalsha") - sent; got > callers || lost < 2 {
				t.Errorf("commands: got %d sent and %d lost, want at most %d and a batch", got, lost, callers)
			}
		})
	}
}

// If a node of a cluster is down, another one may have taken over. The library does
// not look for it, because the command must not be sent again.
func TestClusterOutageLooksAgain(t *testing.T) {
	server := testenv.Redis(t)
	c, asked := clusterClient(t, server.Addr())
	s := redisstore.NewOn(c, redisstore.Options{Retention: fixture.Retention})
	id := fixture.Create(t, s)
	before := asked.Load()
	server.Kill()
	fixture.WantRefused(t, s, id, ticket.ErrUnavailable)
	test.Wait(t, "a look at the cluster", func() bool { return asked.Load() > before })
}

// A new connection sends nothing that the server refuses, and each operation is one
// command.
func TestCommands(t *testing.T) {
	server := testenv.Redis(t)
	client := plainClient(t, server)
	s := openStore(t, server.URL())
	fixture.Consume(t, s, fixture.Create(t, s)) // Learns the fence and loads the scripts.
	if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	fixture.Consume(t, s, fixture.Create(t, s))
	fixture.Consume(t, s, fixture.Create(t, s))
	stats := client.InfoMap(t.Context(), "commandstats", "errorstats").Val()
	for name, want := range map[string]string{
		"cmdstat_set":     "calls=2,",
		"cmdstat_evalsha": "calls=2,",
		"cmdstat_eval":    "", // Once in the life of the server.
		// Inside the script.
		"cmdstat_info":     "calls=2,",
		"cmdstat_get":      "calls=4,", // the ticket and the head of the stream
		"cmdstat_setrange": "calls=2,",
		"cmdstat_pttl":     "calls=2,",
	} {
		if got := stats["Commandstats"][name]; !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, got := range stats["Errorstats"] {
		if name != "errorstat_NOSCRIPT" {
			t.Errorf("the server refused a command: %s: %s", name, got)
		}
	}
}

// replying is a hook of the client library that replies to every command.
type replying func(redis.Cmder) error

func (replying) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r replying) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error { return r(cmd) }
}

func (r replying) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error { return r(cmds[0]) }
}

// serverError is an error reply.
type serverError string

func (e serverError) Error() string { return string(e) }
func (serverError) RedisError()     {}

func TestOutageKinds(t *testing.T) {
	const secret = "10.1.2.3:6379 hunter2"
	tests := []struct {
		rule string
		err  error
		want redisstore.OutageKind
	}{
		{"a server that reads its data is not there yet", serverError("LOADING Redis is loading the dataset in memory " + secret), redisstore.OutageLoading},
		{"a replica cannot consume", serverError("READONLY You can't write against a read only replica. " + secret), redisstore.OutageReadOnly},
		{"nor can one that lost its primary", serverError("MASTERDOWN Link with MASTER is down " + secret), redisstore.OutageReadOnly},
		{"nor a primary that lost its replicas", serverError("NOREPLICAS Not enough good replicas to write. " + secret), redisstore.OutageReadOnly},
		{"a full server", serverError("OOM command not allowed when used memory > 'maxmemory'. " + secret), redisstore.OutageMemory},
		{"no password given", serverError("NOAUTH Authentication required. " + secret), redisstore.OutageDenied},
		{"a wrong one given", serverError("WRONGPASS invalid username-password pair " + secret), redisstore.OutageDenied},
		{"a command not allowed", serverError("NOPERM this user has no permissions " + secret), redisstore.OutageDenied},
		{"a command not allowed in a script", serverError("ERR The user executing the script can't run this command or subcommand script: " + secret), redisstore.OutageDenied},
		{"a slot without a node", serverError("CLUSTERDOWN Hash slot not served " + secret), redisstore.OutageCluster},
		{"a slot that is moving", serverError("TRYAGAIN Multiple keys request during rehashing of slot " + secret), redisstore.OutageCluster},
		{"one that has moved, and moved, and moved", serverError("MOVED 1 " + secret), redisstore.OutageCluster},
		{"one that is about to", serverError("ASK 1 " + secret), redisstore.OutageCluster},
		{"too many clients", serverError("ERR max number of clients reached " + secret), redisstore.OutagePool},
		{"a server that hides its identity", serverError("NOFENCE no replication identity " + secret), redisstore.OutageFence},
		{"an unknown error", serverError("ERR unknown " + secret), redisstore.OutageOther},
		{"an unknown error of the library", errors.New(secret), redisstore.OutageOther},
		{"no free connection", redis.ErrPoolTimeout, redisstore.OutagePool},
		{"no connection allowed", redis.ErrPoolExhausted, redisstore.OutagePool},
		{"no place in the queue", redis.ErrAutoPipelineQueueFull, redisstore.OutagePool},
		{"a pipeline that is stuck", redis.ErrAutoPipelineTimeout, redisstore.OutageTimeout},
		{"a closed client", redis.ErrClosed, redisstore.OutagePool},
		{"the connection ended", io.EOF, redisstore.OutageConnection},
		{"in the middle of the answer", io.ErrUnexpectedEOF, redisstore.OutageConnection},
		{"it was refused", &net.OpError{Op: "dial", Err: errors.New(secret)}, redisstore.OutageConnection},
		{"no such host", &net.DNSError{Name: secret}, redisstore.OutageConnection},
		{"the name server is slow", &net.DNSError{Name: secret, IsTimeout: true}, redisstore.OutageTimeout},
		{"the store's time is over", context.DeadlineExceeded, redisstore.OutageTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
			t.Cleanup(func() { mustClose(t, c) })
			c.AddHook(replying(func(redis.Cmder) error { return tt.err }))
			s := redisstore.NewOn(c, redisstore.Options{Retention: fixture.Retention})
			for _, from := range []int64{-1, 1} {
				redisstore.UsePipeline(s, from, nil)
				for what, err := range fixture.Operations(t, t.Context(), s, ticket.NewID()) {
					wantKind(t, what, err, tt.want)
					if says := "redis: " + string(tt.want) + " ("; !strings.Contains(err.Error(), says) {
						t.Errorf("%s: got %v, want it to say %q", what, err, says)
					}
					if strings.Contains(err.Error(), "hunter2") {
						t.Errorf("%s: the error repeats the message of the library: %v", what, err)
					}
					if errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: got the caller's error where the caller did not give up", what)
					}
				}
			}
		})
	}
}
