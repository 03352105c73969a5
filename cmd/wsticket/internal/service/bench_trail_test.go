package service

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// BenchmarkTrail measures issue, redeem and handshake over loopback with a trail, and
// without one, which take turns. "ratio" compares the times, and "cpu-ratio" what the
// process uses, with the writing and the client, which other programs do not disturb. The
// store is in memory, so that the share of the trail is as large as it can be.
func BenchmarkTrail(b *testing.B) {
	bearer, keyFile := benchBearer(b)
	for database, url := range map[string]string{
		"sqlite": "sqlite:" + filepath.Join(b.TempDir(), "trail.db"), "postgres": testenv.Postgres(b).NewDatabase(),
	} {
		cfg := checkConfig(b, "memory:", keyFile, "127.0.0.1")
		without := benchService(b, cfg)
		cfg.Database = config.Database{URL: config.NewSecret(url), Migrate: true}
		with := benchService(b, cfg)
		recording(b, with)
		issue := fmt.Appendf(nil, "POST /ws-ticket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", bearer)
		b.Run(database+"/issue", func(b *testing.B) {
			compareTrail(b, with, without, func(s *Service) driver {
				t := target{listen(b, s.current().api.Public()), http.StatusCreated, func(int) ([]byte, error) { return issue, nil }}
				return func(first, count int) func() {
					requests := t.prepare(b, first, count)
					return func() { t.drive(b, benchConns, requests) }
				}
			})
		})
		b.Run(database+"/redeem", func(b *testing.B) {
			compareTrail(b, with, without, func(s *Service) driver {
				t := target{listen(b, s.current().api.Internal()), http.StatusOK, func(n int) ([]byte, error) {
					var token ticket.Token
					err := issueTo(b, s.current().tickets, &token)
					body := fmt.Sprintf(`{"ticket":%q,"attempt":"a-%d","origin":"https://app.example.com"}`, token.Reveal(), n)
					return fmt.Appendf(nil, "POST /consume HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
						"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatKey, len(body), body), err
				}}
				return func(first, count int) func() {
					requests := t.prepare(b, first, count)
					return func() { t.drive(b, benchConns, requests) }
				}
			})
		})
		b.Run(database+"/handshake", func(b *testing.B) {
			compareTrail(b, with, without, func(s *Service) driver {
				addr := listen(b, s.current().api.Public())
				return func(_, count int) func() {
					tokens := make([]ticket.Token, count)
					for i := range tokens {
						if err := issueTo(b, s.current().tickets, &tokens[i]); err != nil {
							b.Fatal(err)
						}
					}
					return func() {
						test.Together(b, benchConns, count, func(i int) error { return handshake(b, addr, tokens[i]) })
					}
				}
			})
		})
	}
}

// benchConns is how many clients there are at once.
const benchConns = 4

// driver prepares a number of requests, from the number first on, and returns what sends them.
type driver func(first, count int) (send func())

// trailTurn is shorter than turn, because other programs are louder than the difference.
const trailTurn = 250

// compareTrail measures both services in turns. That of the trail lasts until all of its
// events are stored.
func compareTrail(b *testing.B, with, without *Service, drive func(*Service) driver) {
	b.Helper()
	sides := []*Service{with, without}
	drivers := []driver{drive(with), drive(without)}
	var took, used [2]time.Duration
	for done := 0; done < b.N; done += trailTurn {
		for n, s := range sides {
			send := drivers[n](done, min(trailTurn, b.N-done))
			settle(b, with)
			begin, before := time.Now(), cpuTime(b)
			send()
			took[n] += time.Since(begin)
			if s.trail != nil {
				settle(b, s)
			}
			used[n] += cpuTime(b) - before
		}
	}
	b.ReportMetric(float64(b.N)/took[0].Seconds(), "trail/s")
	b.ReportMetric(float64(b.N)/took[1].Seconds(), "floor/s")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
	b.ReportMetric(used[1].Seconds()/used[0].Seconds(), "cpu-ratio")
	b.ReportMetric(float64((used[0]-used[1]).Microseconds())/float64(b.N), "trail-cpu-µs")
	b.ReportMetric(0, "ns/op") // of both together, which says nothing
	if lost := with.trail.Stats().LostFull; lost > 0 {
		b.Errorf("%d events are lost", lost)
	}
}

// settle waits until the events of a service are stored.
func settle(b *testing.B, s *Service) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
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
