package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

// eater is a proxy before Redis that delivers a command and, where the
// command holds the word, cuts the connection in place of the answer.
type eater struct {
	word  []byte
	eaten atomic.Int32
}

// listen serves until the test ends and returns the address.
func (e *eater) listen(t *testing.T, redisAddr string) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			e.serve(conn, redisAddr) // the client under test has one connection
		}
	}()
	return l.Addr().String()
}

// serve hands on one command and one answer after the other.
func (e *eater) serve(client net.Conn, redisAddr string) {
	defer func() { _ = client.Close() }()
	var d net.Dialer
	server, err := d.DialContext(context.Background(), "tcp", redisAddr)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		eat := bytes.Contains(buf[:n], e.word)
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
		if n, err = server.Read(buf); err != nil { // it has run now
			return
		}
		if eat {
			e.eaten.Add(1)
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A command whose answer was lost has run, and is not sent again: not by
// OpenRedis's client, and not by one that would love to.
func TestRedisLostReplyIsUnavailable(t *testing.T) {
	server := testenv.Redis(t)
	direct := openRedis(t, server.URL())
	mustConsume(t, direct, mustCreate(t, direct)) // Redis knows the script
	clients := map[string]func(t *testing.T, addr string) *store.Redis{
		"a client of our own": func(t *testing.T, addr string) *store.Redis {
			return openRedis(t, "redis://"+addr)
		},
		"a client with the library's retries": func(t *testing.T, addr string) *store.Redis {
			c := redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true, PoolSize: 1})
			t.Cleanup(func() { closeStore(t, c) })
			s, err := store.NewRedis(store.RedisOptions{Client: c})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
	for name, open := range clients {
		t.Run(name, func(t *testing.T) {
			e := &eater{word: []byte("evalsha")}
			s := open(t, e.listen(t, server.Addr()))
			id := mustCreate(t, s)
			wantRefused(t, s, id, ticket.ErrUnavailable)
			if got := e.eaten.Load(); got != 1 {
				t.Errorf("the command was sent %d times, want once", got)
			}
			// It has run: the ticket is spent, and nobody was let in.
			wantRefused(t, direct, id, ticket.ErrSpent)
		})
	}
}

// A new connection greets the server with nothing that it refuses, and each
// operation is one command.
func TestRedisCommands(t *testing.T) {
	server := testenv.Redis(t)
	client := plainClient(t, server)
	s := openRedis(t, server.URL())
	if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	mustConsume(t, s, mustCreate(t, s))
	mustConsume(t, s, mustCreate(t, s))
	stats := client.InfoMap(t.Context(), "commandstats", "errorstats").Val()
	for name, want := range map[string]string{
		"cmdstat_set":     "calls=4,", // two of them inside the script
		"cmdstat_get":     "calls=2,",
		"cmdstat_evalsha": "calls=2,",
		"cmdstat_eval":    "calls=1,", // once per life of the server
	} {
		if got := stats["Commandstats"][name]; !strings.HasPrefix(got, want) {
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

func (f failing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
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
		{"an error that nobody foresaw", serverError("ERR unknown " + secret), store.OutageOther},
		{"nor this one", errors.New(secret), store.OutageOther},
		{"no free connection", redis.ErrPoolTimeout, store.OutagePool},
		{"no connection allowed", redis.ErrPoolExhausted, store.OutagePool},
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
			s, err := store.NewRedis(store.RedisOptions{Client: c})
			if err != nil {
				t.Fatal(err)
			}
			for what, err := range operations(t, t.Context(), s, ticket.NewID()) {
				wantKind(t, what, err, tt.want)
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: the error tells what the library said: %v", what, err)
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: got the caller's error where the caller did not give up", what)
				}
			}
		})
	}
}
