package service

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// BenchmarkTrail compares issue, redeem and handshake over loopback with a trail and
// without one. The two take turns, first at benchRate, which is below what a core does, and
// then as fast as they can:
//
//   - "on-p50-µs", "off-p50-µs" and the 99th percentiles are what a client waits for at
//     benchRate, and "p50-ratio" is off against on.
//   - "on/s", "off/s" and their "rate-ratio" are of the fastest turns. The writer and the
//     client run on the same cores.
//   - "off-cpu-µs" is what the process with its client uses for a request without a trail,
//     and "trail-cpu-µs" what it uses more with one, until all events are stored: nearly all
//     of it is the writer's. "events/op" is how many events that is for.
//
// The tickets are in memory, so that the share of the trail is as large as it can be.
func BenchmarkTrail(b *testing.B) {
	bearer, keyFile := benchBearer(b)
	issue := fmt.Appendf(nil, "POST /ws-ticket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", bearer)
	for database, url := range map[string]string{
		"sqlite": "sqlite:" + filepath.Join(b.TempDir(), "trail.db"), "postgres": testenv.Postgres(b).NewDatabase(),
	} {
		cfg := checkConfig(b, "memory:", keyFile, "127.0.0.1")
		off := benchService(b, cfg)
		cfg.Database = config.Database{URL: config.NewSecret(url), Migrate: true}
		on := benchService(b, cfg)
		recording(b, on)
		for name, newLoad := range map[string]func(*testing.B, *Service) load{
			"issue": func(b *testing.B, s *Service) load {
				return requestLoad(b, target{listen(b, s.current().api.Public()), http.StatusCreated, func(int) ([]byte, error) { return issue, nil }})
			},
			"redeem": func(b *testing.B, s *Service) load {
				return requestLoad(b, target{listen(b, s.current().api.Internal()), http.StatusOK, func(n int) ([]byte, error) { return redemption(b, s, n) }})
			},
			"handshake": handshakeLoad,
		} {
			b.Run(database+"/"+name, func(b *testing.B) {
				compareTrail(b, [2]*Service{on, off}, [2]load{newLoad(b, on), newLoad(b, off)})
			})
		}
	}
}

const (
	// benchConns is how many clients there are at once.
	benchConns = 4
	// benchRate is how many requests there are in a second.
	benchRate = 500
	// trailTurn is how many requests there are in a turn: a batch of events.
	trailTurn = 1000
)

// load makes requests, and then sends them.
type load struct {
	prepare func(first, count int)
	send    func(client, n int) error
}

func redemption(b *testing.B, s *Service, n int) ([]byte, error) {
	var token ticket.Token
	err := issueTo(b, s.current().tickets, &token)
	body := fmt.Sprintf(`{"ticket":%q,"attempt":"a-%d","origin":"https://app.example.com"}`, token.Reveal(), n)
	return fmt.Appendf(nil, "POST /consume HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatKey, len(body), body), err
}

// requestLoad has a connection for each client.
func requestLoad(b *testing.B, t target) load {
	b.Helper()
	var requests [][]byte
	var conns [benchConns]net.Conn
	var answers [benchConns]*bufio.Reader
	for i := range conns {
		conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", t.addr)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		conns[i], answers[i] = conn, bufio.NewReader(conn)
	}
	status := fmt.Appendf(nil, "HTTP/1.1 %d ", t.status)
	return load{
		func(first, count int) { requests = t.prepare(b, first, count) },
		func(client, n int) error {
			if _, err := conns[client].Write(requests[n]); err != nil {
				return err
			}
			return skipAnswer(answers[client], status)
		},
	}
}

// handshakeLoad has a connection for each handshake.
func handshakeLoad(b *testing.B, s *Service) load {
	b.Helper()
	addr := listen(b, s.current().api.Public())
	var tokens []ticket.Token
	return load{
		func(_, count int) {
			tokens = make([]ticket.Token, count)
			for i := range tokens {
				if err := issueTo(b, s.current().tickets, &tokens[i]); err != nil {
					b.Fatal(err)
				}
			}
		},
		func(_, n int) error { return handshake(b, addr, tokens[n]) },
	}
}

// spread sends the requests that were prepared, one every so often, or as fast as it can if
// that is 0, and returns the time of each.
func (l load) spread(b *testing.B, count int, every time.Duration) []time.Duration {
	b.Helper()
	latencies := make([]time.Duration, count)
	begin := time.Now()
	test.Together(b, benchConns, benchConns, func(client int) error {
		for n := client; n < count; n += benchConns {
			if every > 0 {
				<-time.After(time.Until(begin.Add(time.Duration(n) * every)))
			}
			start := time.Now()
			if err := l.send(client, n); err != nil {
				return err
			}
			latencies[n] = time.Since(start)
		}
		return nil
	})
	return latencies
}

// compareTrail measures a service with a trail and one without, in turns.
func compareTrail(b *testing.B, sides [2]*Service, loads [2]load) {
	b.Helper()
	trail := sides[0].trail
	var latencies [2][]time.Duration
	var fastest, used [2]time.Duration
	var events uint64
	for done := 0; done < b.N; done += trailTurn {
		count := min(trailTurn, b.N-done)
		for n, l := range loads {
			l.prepare(done, count)
			settle(b, sides[0])
			latencies[n] = append(latencies[n], l.spread(b, count, time.Second/benchRate)...)
			l.prepare(done, count)
			settle(b, sides[0])
			begin, before, stored := time.Now(), cpuTime(b), trail.Stats().Stored
			l.spread(b, count, 0)
			if took := time.Since(begin) / time.Duration(count); fastest[n] == 0 || took < fastest[n] {
				fastest[n] = took
			}
			if n == 0 {
				settle(b, sides[0])
				events += trail.Stats().Stored - stored
			}
			used[n] += cpuTime(b) - before
		}
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(b.N) }
	for n, side := range []string{"on", "off"} {
		slices.Sort(latencies[n])
		b.ReportMetric(float64(latencies[n][b.N/2].Nanoseconds())/1e3, side+"-p50-µs")
		b.ReportMetric(float64(latencies[n][b.N*99/100].Nanoseconds())/1e3, side+"-p99-µs")
		b.ReportMetric(1/fastest[n].Seconds(), side+"/s")
	}
	b.ReportMetric(latencies[1][b.N/2].Seconds()/latencies[0][b.N/2].Seconds(), "p50-ratio")
	b.ReportMetric(fastest[1].Seconds()/fastest[0].Seconds(), "rate-ratio")
	b.ReportMetric(each(used[1]), "off-cpu-µs")
	b.ReportMetric(each(used[0]-used[1]), "trail-cpu-µs")
	b.ReportMetric(float64(events)/float64(b.N), "events/op")
	b.ReportMetric(0, "ns/op") // of both together, which says nothing
	if lost := trail.Stats().LostFull; lost > 0 {
		b.Errorf("%d events are lost", lost)
	}
}

// settle waits until the events of a service are stored.
func settle(b *testing.B, s *Service) {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.trail.Stats().Queued > 0 {
		<-tick.C
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// recording writes the trail of a service until the benchmark ends.
func recording(b *testing.B, s *Service) {
	b.Helper()
	if err := s.awaitDatabase(b.Context(), time.Second); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.keepTrail(context.WithoutCancel(b.Context())))
}

func handshake(b *testing.B, addr string, token ticket.Token) error {
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /ws?ticket=%s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nUser-Agent: Mozilla/5.0\r\n\r\n", token.Reveal(), test.HandshakeKey)
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && line != "HTTP/1.1 101 Switching Protocols\r\n" {
		err = fmt.Errorf("answer is %q", line)
	}
	return err
}
