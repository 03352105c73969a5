package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// BenchmarkNginxHandshake measures whole WebSocket handshakes through nginx,
// each on a connection of its own: with the printed configuration, where nginx
// asks wsticket by auth_request (store memory:), and with the same
// configuration without the question. The two take turns, so that load on the
// machine affects both. Tickets are issued beforehand. Client and application
// are in this process.
func BenchmarkNginxHandshake(b *testing.B) {
	service, bearer := startBench(b, "--set", "public.trusted_proxies=127.0.0.1", "--set", "log.level=error")
	text := mustPrint(b, "nginx", "--public", service.public, "--internal", service.internal, "--upstream", accepts(b))
	asking := nginxAddr(b, text)
	plain := nginxAddr(b, regexp.MustCompile(`(?m)^\s*auth_request /.*\n`).ReplaceAllString(text, ""))
	compare(b, service, bearer, [2]string{"asked", "plain"}, [2]string{asking, plain})
}

// compare measures handshakes with tickets at the first address, and without at
// the second one.
func compare(b *testing.B, service *process, bearer string, names, addrs [2]string) {
	b.Helper()
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			var measured [2]latencies
			for done := 0; done < b.N; done += turn {
				tickets := make([]string, min(turn, b.N-done))
				for i := range tickets {
					tickets[i] = issue(b, service.public, bearer).Ticket
				}
				measured[0].shake(b, callers, addrs[0], tickets)
				measured[1].shake(b, callers, addrs[1], make([]string, len(tickets)))
			}
			for i, name := range names {
				l := &measured[i]
				b.ReportMetric(l.quantile(0.5), name+"-p50-ms")
				b.ReportMetric(l.quantile(0.99), name+"-p99-ms")
				b.ReportMetric(float64(b.N)/l.took.Seconds(), name+"/s")
			}
			b.ReportMetric(measured[1].took.Seconds()/measured[0].took.Seconds(), "ratio")
			b.ReportMetric(0, "ns/op") // of both together, which says nothing
		})
	}
}

// turn is the number of handshakes in one turn.
const turn = 2000

// startBench starts wsticket without limits, and returns a bearer for it.
func startBench(b *testing.B, args ...string) (service *process, bearer string) {
	b.Helper()
	key, keyFile, err := devidp.NewKey(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	bearer, err = devidp.Bearer{
		Issuer: "https://id.example.com", Subject: "alice", Audience: []string{"ws"}, TTL: time.Hour, Type: "at+jwt",
	}.Sign(key, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	return start(b, append([]string{"serve", "--config", test.WriteFile(b, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: "127.0.0.1:0"}
internal: {listen: "127.0.0.1:0"}
issuers:  [{issuer: "https://id.example.com", audience: [ws], algorithms: [ES256], public_key_file: %q}]
limits:   {per_subject: "0", per_address: "0"}
`, keyFile))}, args...)...), bearer
}

// nginxAddr starts an nginx with a printed configuration.
func nginxAddr(b *testing.B, text string) string {
	b.Helper()
	return testenv.Nginx(b, func(s *testenv.NginxServer) string {
		return strings.NewReplacer("listen 80;", "listen "+s.Addr()+";", "/var/log/nginx/", "").Replace(text)
	}).Addr()
}

// latencies has the time of each handshake, and of all together.
type latencies struct {
	all  []time.Duration
	took time.Duration
}

// shake makes a handshake with each ticket, several at once.
func (l *latencies) shake(b *testing.B, callers int, addr string, tickets []string) {
	b.Helper()
	each, began := make([]time.Duration, len(tickets)), time.Now()
	test.Together(b, callers, len(tickets), func(n int) error {
		began := time.Now()
		status, err := handshake(b.Context(), addr, tickets[n])
		if each[n] = time.Since(began); err == nil && status != http.StatusSwitchingProtocols {
			err = fmt.Errorf("status %d, want 101", status)
		}
		return err
	})
	l.took += time.Since(began)
	l.all = append(l.all, each...)
}

// quantile returns a quantile in milliseconds.
func (l *latencies) quantile(q float64) float64 {
	slices.Sort(l.all)
	return l.all[int(q*float64(len(l.all)-1))].Seconds() * 1000
}
