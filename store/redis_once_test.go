package store_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

// retryingClient is one that would love to send a command again.
func retryingClient(t *testing.T, addr string) redis.UniversalClient {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true})
	t.Cleanup(func() { closeStore(t, c) })
	return c
}

// clusterClient takes the server at addr for a cluster of one, and counts how
// often it asks about that. The library's loop over redirections sends a command
// again whatever MaxRetries says.
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
	t.Cleanup(func() { closeStore(t, c) })
	return c, asked
}

// lend returns a store on somebody's client.
func lend(t *testing.T, c redis.UniversalClient) *store.Redis {
	t.Helper()
	s, err := store.NewRedis(store.RedisOptions{Client: c, Retention: retention})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// storesBehind are stores of each kind on the server at addr, with and without
// a pipeline.
func storesBehind(t *testing.T, addr string) map[string]*store.Redis {
	t.Helper()
	stores := make(map[string]*store.Redis)
	for way, from := range map[string]int64{"one by one": -1, "in a pipeline": 1} {
		stores["a client of our own, "+way] = openRedis(t, "redis://"+addr)
		stores["a client with the library's retries, "+way] = lend(t, retryingClient(t, addr))
		nodes, _ := clusterClient(t, addr)
		stores["a cluster, "+way] = lend(t, nodes)
		for name, s := range stores {
			if strings.HasSuffix(name, way) {
				store.UsePipeline(s, from, nil)
			}
		}
	}
	return stores
}

// A command whose answer was lost has run, and is not sent again. The attempt
// that lost it may come again, and nobody else.
func TestRedisLostReplyIsUnavailable(t *testing.T) {
	server := testenv.Redis(t)
	direct := openRedis(t, server.URL())
	mustConsume(t, direct, mustCreate(t, direct)) // Redis knows the script
	proxy := testenv.Proxy(t, server.Addr())
	for name, s := range storesBehind(t, proxy.Addr()) {
		t.Run(name, func(t *testing.T) {
			id := mustCreate(t, s)
			sent, dropped := proxy.Seen("evalsha"), proxy.Dropped()
			proxy.DropReplyTo("evalsha", 1)
			entry, err := s.Consume(t.Context(), id, redeemed("a"), retry)
			wantKind(t, "consume", err, store.OutageConnection)
			if entry.Record.Payload != nil {
				t.Errorf("consume: got payload %q with the error", entry.Record.Payload)
			}
			if got := proxy.Seen("evalsha") - sent; got != 1 || proxy.Dropped()-dropped != 1 {
				t.Errorf("the command was sent %d times, want once", got)
			}
			wantRefused(t, s, id, ticket.ErrSpent)
			entry, err = s.Consume(t.Context(), id, redeemed("a"), retry)
			if err != nil || entry.Mark.State != ticket.Redeemed {
				t.Errorf("the same attempt: got %v, %v; want the record again", entry.Mark.State, err)
			}
		})
	}
}

// A batch whose answers were lost has run in part. Each of its callers is told
// that nothing is known, and none of the commands is sent again.
func TestRedisLostBatchIsUnavailable(t *testing.T) {
	const callers = 64
	server := testenv.Redis(t)
	direct := openRedis(t, server.URL())
	mustConsume(t, direct, mustCreate(t, direct))
	proxy := testenv.Proxy(t, server.Addr())
	for name, s := range storesBehind(t, proxy.Addr()) {
		if !strings.HasSuffix(name, "in a pipeline") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ids := make([]ticket.ID, callers)
			for i := range ids {
				ids[i] = mustCreate(t, s)
			}
			sent := proxy.Seen("evalsha")
			proxy.DropReplyTo("evalsha", callers/2)
			errs := make([]error, callers)
			var all sync.WaitGroup
			for i, id := range ids {
				all.Go(func() { _, errs[i] = s.Consume(t.Context(), id, redeemed("a"), retry) })
			}
			all.Wait()
			lost := 0
			for i, err := range errs {
				if err != nil {
					wantKind(t, "consume", err, store.OutageConnection)
					lost++
					continue
				}
				wantRefused(t, direct, ids[i], ticket.ErrSpent)
			}
			if got := proxy.Seen("evalsha") - sent; got > callers || lost < 2 {
				t.Errorf("commands: got %d sent and %d lost, want at most %d and a batch", got, lost, callers)
			}
		})
	}
}

// A cluster of which one server is out of reach may have another one instead.
// The library does not look, where a command is not to be sent again.
func TestRedisClusterOutageLooksAgain(t *testing.T) {
	server := testenv.Redis(t)
	c, asked := clusterClient(t, server.Addr())
	s := lend(t, c)
	id := mustCreate(t, s)
	before := asked.Load()
	server.Kill()
	wantRefused(t, s, id, ticket.ErrUnavailable)
	eventually(t, 2*time.Second, "a look at the cluster", func() bool { return asked.Load() > before })
}

// A new connection greets the server with nothing that it refuses, and each
// operation is one command.
func TestRedisCommands(t *testing.T) {
	server := testenv.Redis(t)
	client := plainClient(t, server)
	s := openRedis(t, server.URL())
	mustConsume(t, s, mustCreate(t, s)) // learns the fence, teaches the scripts
	if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	mustConsume(t, s, mustCreate(t, s))
	mustConsume(t, s, mustCreate(t, s))
	stats := client.InfoMap(t.Context(), "commandstats", "errorstats").Val()
	for name, want := range map[string]string{
		"cmdstat_set":     "calls=2,",
		"cmdstat_evalsha": "calls=2,",
		"cmdstat_eval":    "", // once in the life of the server
		// Inside the script.
		"cmdstat_info":     "calls=2,",
		"cmdstat_get":      "calls=2,",
		"cmdstat_setrange": "calls=2,",
		"cmdstat_pexpire":  "calls=2,",
	} {
		if got := stats["Commandstats"][name]; !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, got := range stats["Errorstats"] {
		if name != "errorstat_NOSCRIPT" {
			t.Errorf("the server refused something: %s: %s", name, got)
		}
	}
}

// failing is a hook of the client library that answers for the server.
type failing struct{ err error }

func (f failing) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f failing) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { return f.err }
}

func (f failing) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { return f.err }
}

// serverError is an error reply.
type serverError string

func (e serverError) Error() string { return string(e) }
func (serverError) RedisError()     {}

func TestRedisOutageKinds(t *testing.T) {
	const secret = "10.1.2.3:6379 hunter2"
	tests := []struct {
		rule string
		err  error
		want store.OutageKind
	}{
		{"a server that reads its data is not there yet", serverError("LOADING Redis is loading the dataset in memory " + secret), store.OutageLoading},
		{"a replica cannot consume", serverError("READONLY You can't write against a read only replica. " + secret), store.OutageReadOnly},
		{"nor can one that lost its primary", serverError("MASTERDOWN Link with MASTER is down " + secret), store.OutageReadOnly},
		{"nor a primary that lost its replicas", serverError("NOREPLICAS Not enough good replicas to write. " + secret), store.OutageReadOnly},
		{"a full server", serverError("OOM command not allowed when used memory > 'maxmemory'. " + secret), store.OutageMemory},
		{"no password given", serverError("NOAUTH Authentication required. " + secret), store.OutageDenied},
		{"a wrong one given", serverError("WRONGPASS invalid username-password pair " + secret), store.OutageDenied},
		{"a command not allowed", serverError("NOPERM this user has no permissions " + secret), store.OutageDenied},
		{"a command not allowed in a script", serverError("ERR The user executing the script can't run this command or subcommand script: " + secret), store.OutageDenied},
		{"a slot that nobody has", serverError("CLUSTERDOWN Hash slot not served " + secret), store.OutageCluster},
		{"a slot that is moving", serverError("TRYAGAIN Multiple keys request during rehashing of slot " + secret), store.OutageCluster},
		{"one that has moved, and moved, and moved", serverError("MOVED 1 " + secret), store.OutageCluster},
		{"one that is about to", serverError("ASK 1 " + secret), store.OutageCluster},
		{"too many clients", serverError("ERR max number of clients reached " + secret), store.OutagePool},
		{"a server that hides who it is", serverError("NOFENCE no replication identity " + secret), store.OutageFence},
		{"an error that nobody foresaw", serverError("ERR unknown " + secret), store.OutageOther},
		{"nor this one", errors.New(secret), store.OutageOther},
		{"no free connection", redis.ErrPoolTimeout, store.OutagePool},
		{"no connection allowed", redis.ErrPoolExhausted, store.OutagePool},
		{"no place in the queue", redis.ErrAutoPipelineQueueFull, store.OutagePool},
		{"a pipeline that is stuck", redis.ErrAutoPipelineTimeout, store.OutageTimeout},
		{"a closed client", redis.ErrClosed, store.OutagePool},
		{"the connection ended", io.EOF, store.OutageConnection},
		{"in the middle of the answer", io.ErrUnexpectedEOF, store.OutageConnection},
		{"it was refused", &net.OpError{Op: "dial", Err: errors.New(secret)}, store.OutageConnection},
		{"no such host", &net.DNSError{Name: secret}, store.OutageConnection},
		{"the name server is slow", &net.DNSError{Name: secret, IsTimeout: true}, store.OutageTimeout},
		{"the store's time is over", context.DeadlineExceeded, store.OutageTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
			t.Cleanup(func() { closeStore(t, c) })
			c.AddHook(failing{tt.err})
			s := lend(t, c)
			for _, from := range []int64{-1, 1} {
				store.UsePipeline(s, from, nil)
				for what, err := range operations(t, t.Context(), s, ticket.NewID()) {
					wantKind(t, what, err, tt.want)
					if says := "redis: " + string(tt.want) + " ("; !strings.Contains(err.Error(), says) {
						t.Errorf("%s: got %v, want it to say %q", what, err, says)
					}
					if strings.Contains(err.Error(), "hunter2") {
						t.Errorf("%s: the error tells what the library said: %v", what, err)
					}
					if errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: got the caller's error where the caller did not give up", what)
					}
				}
			}
		})
	}
}
