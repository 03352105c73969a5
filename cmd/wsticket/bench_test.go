package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/api"
	"wsticket/internal/limit"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// BenchmarkIssueHTTP is POST /ws-ticket over loopback, with a bearer that is
// verified already, against the floor: the same router with a handler that
// does one plain go-redis SET and no bearer check. The two take turns, so that
// a machine that is busy for a while is busy for both; "ratio" is what counts.
func BenchmarkIssueHTTP(b *testing.B) {
	redisServer := testenv.Redis(b)
	bearer, keyFile := benchBearer(b)
	cfg := benchConfig(b, redisServer.URL(), keyFile)
	issue := benched{
		addr:    listen(b, benchApp(b, cfg).api.Public()),
		request: fmt.Appendf(nil, "POST /ws-ticket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", bearer),
	}
	plain := benched{
		addr:    listen(b, floor(b, cfg, redisServer.Addr())),
		request: []byte("GET /floor HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	}
	for _, conns := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			b.ReportAllocs()
			var took [2]time.Duration
			for done := 0; done < b.N; done += turn {
				share := min(turn, b.N-done)
				took[0] += issue.drive(b, conns, share)
				took[1] += plain.drive(b, conns, share)
			}
			b.ReportMetric(float64(b.N)/took[0].Seconds(), "issue/s")
			b.ReportMetric(float64(b.N)/took[1].Seconds(), "floor/s")
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
			b.ReportMetric(0, "ns/op") // of both together, which says nothing
		})
	}
}

// turn is how many requests one of the two makes before it is the other's.
const turn = 2000

func benchConfig(b *testing.B, storeURL, keyFile string) Config {
	b.Helper()
	cfg := defaultConfig()
	cfg.Ticket.SealKeyFile = writeFile(b, "seal.keys", sealKeyA)
	cfg.Issuers = []IssuerConfig{{Issuer: "https://id.example.com", Audience: []string{"ws"}, PublicKeyFile: keyFile}}
	cfg.Limits.PerSubject, cfg.Limits.PerAddress = limit.Rate{}, limit.Rate{}
	_ = cfg.Store.URL.UnmarshalText([]byte(storeURL))
	return cfg
}

func benchBearer(b *testing.B) (bearer, keyFile string) {
	b.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		b.Fatal(err)
	}
	bearer, err = signBearer(private, bearerSpec{
		Issuer: "https://id.example.com", Subject: "alice", Audience: []string{"ws"}, TTL: time.Hour, Type: "at+jwt",
	}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	return bearer, writeFile(b, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
}

// benchApp is the service as serve builds it; its log is written to nowhere.
func benchApp(b *testing.B, cfg Config) *app {
	b.Helper()
	a, err := newApp(b.Context(), cfg, slog.New(slog.NewJSONHandler(io.Discard, nil)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(a.close)
	return a
}

// floor is the router of api with all its middleware, and one SET behind it.
func floor(b *testing.B, cfg Config, addr string) http.Handler {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	b.Cleanup(func() { _ = client.Close() })
	a := benchApp(b, cfg)
	s, err := newShared(cfg)
	if err != nil {
		b.Fatal(err)
	}
	options := a.apiOptions(nobody{}, s)
	options.WSPath = "/floor"
	value := bytes.Repeat([]byte("v"), 300)
	options.WebSocket = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client.Set(r.Context(), "floor:"+string(ticket.NewID()), value, 30*time.Second).Err() != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	server, err := api.New(options)
	if err != nil {
		b.Fatal(err)
	}
	return server.Public()
}

// nobody stands where the floor has no tickets.
type nobody struct{}

func (nobody) Issue(context.Context, ticket.Request) (ticket.Ticket, error) {
	return ticket.Ticket{}, ticket.ErrUnavailable
}

func (nobody) Lookup(context.Context, ticket.ID, ticket.Identity) (ticket.Receipt, error) {
	return ticket.Receipt{}, ticket.ErrNotFound
}

func (nobody) Revoke(context.Context, ticket.ID, ticket.Identity) error { return ticket.ErrNotFound }

// benched is a server and what it is asked, which it answers with 201.
type benched struct {
	addr    string
	request []byte
}

// listen serves a handler as serve does, until the benchmark ends.
func listen(b *testing.B, handler http.Handler) string {
	b.Helper()
	server := newServer(handler, slog.New(slog.DiscardHandler))
	ln, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(ln) }() // ended by Close
	b.Cleanup(func() { _ = server.Close() })
	return ln.Addr().String()
}

// drive sends requests over so many connections and returns how long it took.
// The client writes bytes that are ready and hardly looks at the answer, so
// that the server is what is measured.
func (t benched) drive(b *testing.B, conns, requests int) time.Duration {
	b.Helper()
	start := time.Now()
	var workers sync.WaitGroup
	faults := make(chan error, conns)
	for n := range conns {
		share := requests / conns
		if n < requests%conns {
			share++
		}
		workers.Go(func() { faults <- ask(b.Context(), t.addr, share, t.request, http.StatusCreated) })
	}
	workers.Wait()
	close(faults)
	for err := range faults {
		if err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

func ask(ctx context.Context, addr string, times int, request []byte, want int) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	status := fmt.Appendf(nil, "HTTP/1.1 %d ", want)
	for range times {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if err := skipAnswer(in, status); err != nil {
			return err
		}
	}
	return nil
}

// skipAnswer reads an answer whose body has a Content-Length.
func skipAnswer(in *bufio.Reader, status []byte) error {
	length := 0
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, status) {
			return fmt.Errorf("answer is %q", line)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if _, err := fmt.Sscan(string(value), &length); err != nil {
				return err
			}
		}
		if bytes.Equal(line, []byte("\r\n")) {
			break
		}
	}
	if n, err := in.Discard(length); err != nil || n != length {
		return errors.Join(err, errors.New("the body is cut"))
	}
	return nil
}
