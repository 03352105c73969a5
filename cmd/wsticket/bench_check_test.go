package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/api"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// BenchmarkConsumeHTTP is POST /consume over loopback, with an API key and an
// attempt, against the floor: the same router with a handler that does one
// plain go-redis GETDEL. The two take turns, as in BenchmarkIssueHTTP.
func BenchmarkConsumeHTTP(b *testing.B) {
	benchCheck(b, func(token string, n int) []byte {
		body := fmt.Sprintf(`{"ticket":%q,"attempt":"a-%d","origin":"https://app.example.com"}`, token, n)
		return fmt.Appendf(nil, "POST /consume HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatKey, len(body), body)
	})
}

// BenchmarkForwardNginx is the question of nginx, with what a browser sends.
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
	redisServer := testenv.Redis(b)
	_, keyFile := benchBearer(b)
	cfg := benchConfig(b, redisServer.URL(), keyFile)
	cfg.Public.TrustedProxies, cfg.Origins = []string{"127.0.0.1"}, []string{"https://app.example.com"}
	cfg.Internal.APIKeys = []APIKeyConfig{{Name: "chat", SHA256: digestOf(chatKey), Scopes: []string{"consume"}}}
	cfg.Ticket.TTL = ticket.MaxTTL
	a := benchApp(b, cfg)
	issuer := sameService(b, a, cfg)
	check := checked{listen(b, a.api.Internal()), func(n int) []byte {
		issued, err := issuer.Issue(b.Context(), ticket.Request{
			Identity: ticket.Identity{Issuer: "https://id.example.com", Subject: "alice", Scope: "chat", ExpiresAt: time.Now().Add(time.Hour)},
			Origin:   "https://app.example.com",
		})
		if err != nil {
			b.Error(err) // in a goroutine of prepare
		}
		return request(issued.Token.Reveal(), n)
	}}
	floor := newGetDelFloor(b, cfg, redisServer.Addr())
	for _, conns := range []int{16, 64} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			var took [2]time.Duration
			var latencies [2][]time.Duration
			for done := 0; done < b.N; done += turn {
				share := min(turn, b.N-done)
				for n, side := range []checked{check, floor} {
					spent, each := side.drive(b, conns, side.prepare(done, share))
					took[n] += spent
					latencies[n] = append(latencies[n], each...)
				}
			}
			for n, name := range []string{"check", "floor"} {
				slices.Sort(latencies[n])
				b.ReportMetric(float64(b.N)/took[n].Seconds(), name+"/s")
				b.ReportMetric(float64(latencies[n][len(latencies[n])*99/100].Microseconds()), name+"-p99-µs")
			}
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
			b.ReportMetric(0, "ns/op") // of both together, which says nothing
		})
	}
}

// checked is a server and the nth thing that it is asked, which it answers
// with 200.
type checked struct {
	addr    string
	request func(n int) []byte
}

// sameService issues tickets that the app redeems.
func sameService(b *testing.B, a *app, cfg Config) *ticket.Service {
	b.Helper()
	keys, err := readSealKeys(cfg.Ticket.SealKeyFile)
	if err != nil {
		b.Fatal(err)
	}
	service, err := ticket.New(ticket.Options{Store: a.store, TTL: cfg.Ticket.TTL, SealKeys: keys})
	if err != nil {
		b.Fatal(err)
	}
	return service
}

// prepare makes the requests from the number first on.
func (c checked) prepare(first, count int) [][]byte {
	requests := make([][]byte, count)
	var workers sync.WaitGroup
	const callers = 16
	for n := range callers {
		workers.Go(func() {
			for i := n; i < count; i += callers {
				requests[i] = c.request(first + i)
			}
		})
	}
	workers.Wait()
	return requests
}

// newGetDelFloor is the internal router of api with all its middleware, and
// one GETDEL of a value of 300 bytes behind it.
func newGetDelFloor(b *testing.B, cfg Config, addr string) checked {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	b.Cleanup(func() { _ = client.Close() })
	s, err := newShared(cfg)
	if err != nil {
		b.Fatal(err)
	}
	options := benchApp(b, cfg).apiOptions(nobody{}, s)
	options.Metrics = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value, err := client.GetDel(r.Context(), "floor:"+r.Header.Get("X-Floor")).Bytes()
		if err != nil || len(value) != 300 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	})
	server, err := api.New(options)
	if err != nil {
		b.Fatal(err)
	}
	value := bytes.Repeat([]byte("v"), 300)
	return checked{listen(b, server.Internal()), func(int) []byte {
		id := ticket.NewID()
		if err := client.Set(b.Context(), "floor:"+string(id), value, time.Minute).Err(); err != nil {
			b.Error(err) // as above
		}
		return fmt.Appendf(nil, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Floor: %s\r\n\r\n", id)
	}}
}

// drive sends the requests over so many connections, and returns how long
// that took and how long each had to wait.
func (c checked) drive(b *testing.B, conns int, requests [][]byte) (time.Duration, []time.Duration) {
	b.Helper()
	latencies := make([]time.Duration, len(requests))
	faults := make(chan error, conns)
	start := time.Now()
	var workers sync.WaitGroup
	for n := range conns {
		workers.Go(func() {
			faults <- c.ask(b, func(do func([]byte) error) error {
				for i := n; i < len(requests); i += conns {
					begin := time.Now()
					if err := do(requests[i]); err != nil {
						return err
					}
					latencies[i] = time.Since(begin)
				}
				return nil
			})
		})
	}
	workers.Wait()
	took := time.Since(start)
	close(faults)
	for err := range faults {
		if err != nil {
			b.Fatal(err)
		}
	}
	return took, latencies
}

// ask lends one connection to run.
func (c checked) ask(b *testing.B, run func(do func([]byte) error) error) error {
	b.Helper()
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", c.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	return run(func(request []byte) error {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		return skipAnswer(in, []byte("HTTP/1.1 200 "))
	})
}
