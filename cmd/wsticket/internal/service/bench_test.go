package service

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/api"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/internal/limit"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// BenchmarkIssueHTTP measures POST /ws-ticket over loopback, with a bearer that
// is in the cache, and for comparison the same router with a handler that does
// one plain go-redis SET and checks no bearer. The two take turns, so that load
// on the machine affects both; compare by "ratio".
func BenchmarkIssueHTTP(b *testing.B) {
	server := testenv.Redis(b)
	bearer, keyFile := benchBearer(b)
	cfg := benchConfig(b, server.URL(), keyFile)
	request := fmt.Appendf(nil, "POST /ws-ticket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", bearer)
	issue := target{listen(b, benchService(b, cfg).handler((*api.Server).Public)), http.StatusCreated, func(int) ([]byte, error) { return request, nil }}
	client := benchClient(b, server)
	value := floorValue()
	router := floorRouter(b, cfg, http.StatusCreated, func(r *http.Request) error {
		return client.Set(r.Context(), "floor:"+string(ticket.NewID()), value, 30*time.Second).Err()
	})
	plain := []byte("GET /floor HTTP/1.1\r\nHost: localhost\r\n\r\n")
	floor := target{listen(b, router.Public()), http.StatusCreated, func(int) ([]byte, error) { return plain, nil }}
	compare(b, "issue", issue, floor, 1, 16, 64)
}

// BenchmarkConsumeHTTP measures POST /consume over loopback, with an API key
// and an attempt, and for comparison the same router with a handler that does
// one plain go-redis GETDEL. The two take turns, as in BenchmarkIssueHTTP.
func BenchmarkConsumeHTTP(b *testing.B) {
	benchCheck(b, func(token string, n int) []byte {
		body := fmt.Sprintf(`{"ticket":%q,"attempt":"a-%d","origin":"https://app.example.com"}`, token, n)
		return fmt.Appendf(nil, "POST /consume HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatKey, len(body), body)
	})
}

// BenchmarkForwardNginx measures the question of nginx, with the headers of a
// browser.
func BenchmarkForwardNginx(b *testing.B) {
	benchCheck(b, func(token string, n int) []byte {
		return fmt.Appendf(nil, "GET /auth/nginx HTTP/1.1\r\nHost: wsticket\r\nX-Original-URI: /ws?ticket=%s\r\nX-Original-Method: GET\r\n"+
			"X-Forwarded-Host: localhost\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.5\r\nX-Request-ID: %032x\r\n"+
			"Origin: https://app.example.com\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nUser-Agent: Mozilla/5.0\r\n\r\n", token, n)
	})
}

// benchCheck measures the requests that request makes of tickets.
func benchCheck(b *testing.B, request func(token string, n int) []byte) {
	b.Helper()
	server := testenv.Redis(b)
	_, keyFile := benchBearer(b)
	cfg := checkConfig(b, server.URL(), keyFile, "127.0.0.1")
	s := benchService(b, cfg)
	check := target{listen(b, s.internalHandler()), http.StatusOK, func(n int) ([]byte, error) {
		var token ticket.Token
		err := issueTo(b, s.current().tickets, &token)
		return request(token.Reveal(), n), err
	}}
	client := benchClient(b, server)
	router := floorRouter(b, cfg, http.StatusOK, func(r *http.Request) error {
		return client.GetDel(r.Context(), "floor:"+r.Header.Get("X-Floor")).Err()
	})
	floor := target{listen(b, router.Internal()), http.StatusOK, func(int) ([]byte, error) {
		id := string(ticket.NewID())
		return fmt.Appendf(nil, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Floor: %s\r\n\r\n", id),
			client.Set(b.Context(), "floor:"+id, floorValue(), time.Minute).Err()
	}}
	compare(b, "check", check, floor, 16, 64)
}

// turn is the number of requests in one turn.
const turn = 2000

// compare measures two targets in turns, with several numbers of connections.
func compare(b *testing.B, name string, measured, floor target, connections ...int) {
	b.Helper()
	names, sides := []string{name, "floor"}, []target{measured, floor}
	for _, conns := range connections {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			var took [2]time.Duration
			var latencies [2][]time.Duration
			for done := 0; done < b.N; done += turn {
				for n, side := range sides {
					requests := side.prepare(b, done, min(turn, b.N-done))
					begin := time.Now()
					latencies[n] = append(latencies[n], side.drive(b, conns, requests)...)
					took[n] += time.Since(begin)
				}
			}
			for n, name := range names {
				slices.Sort(latencies[n])
				b.ReportMetric(float64(b.N)/took[n].Seconds(), name+"/s")
				b.ReportMetric(float64(latencies[n][len(latencies[n])*99/100].Microseconds()), name+"-p99-µs")
			}
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
			b.ReportMetric(0, "ns/op") // of both together, which says nothing
		})
	}
}

func benchConfig(b testing.TB, storeURL, keyFile string) config.Config {
	b.Helper()
	cfg := config.Default()
	cfg.Ticket.SealKeyFile = test.WriteFile(b, "seal.keys", sealKeyA)
	cfg.Issuers = []config.Issuer{{Issuer: test.Issuer, Audience: []string{"ws"}, Algorithms: []string{"ES256"}, PublicKeyFile: keyFile}}
	cfg.Limits.PerSubject, cfg.Limits.PerAddress = limit.Rate{}, limit.Rate{}
	_ = cfg.Store.URL.UnmarshalText([]byte(storeURL))
	return cfg
}

// checkConfig is benchConfig for requests of key holders and of a trusted proxy.
func checkConfig(b *testing.B, storeURL, keyFile, proxy string) config.Config {
	b.Helper()
	cfg := benchConfig(b, storeURL, keyFile)
	digest := sha256.Sum256([]byte(chatKey))
	cfg.Internal.APIKeys = []config.APIKey{{Name: "chat", SHA256: hex.EncodeToString(digest[:]), Scopes: []string{"consume"}}}
	cfg.Origins, cfg.Ticket.TTL = []string{"https://app.example.com"}, ticket.MaxTTL
	cfg.Public.TrustedProxies = make([]config.Prefix, 1)
	if err := cfg.Public.TrustedProxies[0].UnmarshalText([]byte(proxy)); err != nil {
		b.Fatal(err)
	}
	return cfg
}

const chatKey = "ca4a12c4a7000000000000000000000000000000000000000000000000000001"

func benchBearer(b testing.TB) (bearer, keyFile string) {
	b.Helper()
	key, keyFile, err := devidp.NewKey(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	bearer, err = devidp.Bearer{
		Issuer: test.Issuer, Subject: "alice", Audience: []string{"ws"}, TTL: time.Hour, Type: "at+jwt",
	}.Sign(key, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	return bearer, keyFile
}

// benchService is the service as serve builds it. Its log is discarded.
func benchService(b *testing.B, cfg config.Config) *Service {
	b.Helper()
	s, err := New(cfg, Options{Log: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s
}

func benchClient(b *testing.B, server *testenv.RedisServer) *redis.Client {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	b.Cleanup(func() { _ = client.Close() })
	return client
}

// floorValue is as long as a record.
func floorValue() []byte { return bytes.Repeat([]byte("v"), 300) }

// floorRouter is the router of api with all its middleware, and do behind /floor
// of the public and /metrics of the internal listener.
func floorRouter(b *testing.B, cfg config.Config, status int, do func(*http.Request) error) *api.Server {
	b.Helper()
	options := benchService(b, cfg).current().apiOptions()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if do(r) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(status)
	})
	options.WSPaths, options.WebSocket, options.Metrics = []string{"/floor"}, handler, handler
	server, err := api.New(options)
	if err != nil {
		b.Fatal(err)
	}
	return server
}

// listen serves a handler as serve does, until the benchmark ends.
func listen(b *testing.B, handler http.Handler) string {
	b.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config = newServer(handler, time.Minute, slog.New(slog.DiscardHandler))
	server.Start()
	b.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// target is a server and its nth request, which it answers with a status.
type target struct {
	addr    string
	status  int
	request func(n int) ([]byte, error)
}

// prepare makes the requests from the number first on.
func (t target) prepare(b *testing.B, first, count int) [][]byte {
	b.Helper()
	requests := make([][]byte, count)
	test.Together(b, 16, count, func(n int) (err error) {
		requests[n], err = t.request(first + n)
		return err
	})
	return requests
}

// drive sends the requests over several connections, and returns the time of
// each. The client writes prepared bytes and hardly parses the answer, so that
// mainly the server is measured.
func (t target) drive(b *testing.B, conns int, requests [][]byte) []time.Duration {
	b.Helper()
	latencies := make([]time.Duration, len(requests))
	status := fmt.Appendf(nil, "HTTP/1.1 %d ", t.status)
	test.Together(b, conns, conns, func(n int) error {
		conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", t.addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for i := n; i < len(requests); i += conns {
			begin := time.Now()
			if _, err := conn.Write(requests[i]); err != nil {
				return err
			}
			if err := skipAnswer(in, status); err != nil {
				return err
			}
			latencies[i] = time.Since(begin)
		}
		return nil
	})
	return latencies
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
