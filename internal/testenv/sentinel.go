package testenv

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/test"
)

// SentinelName is the name under which [Sentinel] watches its primary.
const SentinelName = "tickets"

// sentinels is how many of them watch. Two must agree that the primary is
// gone.
const sentinels = 3

// SentinelServers are a primary, its replica, and the Sentinels that watch
// them.
//
// Sentinels, their clients and the replica reach the first primary through one
// proxy, and under its address. That is what lets a test cut the replication
// alone, or all of it while the primary lives on for whoever has its own
// address.
type SentinelServers struct {
	tb      testing.TB
	certs   *Certificates  // nil without TLS
	watch   []*RedisServer // the Sentinels
	servers []*RedisServer // the first primary, the replica
	proxy   *ProxyServer   // before the first primary
}

// Sentinel starts a primary, a replica and three Sentinels, which take two
// seconds of silence for the primary's end, and returns when all of them know
// each other. The args are those of primary and replica, as for [Redis].
// Everything ends with the test.
func Sentinel(tb testing.TB, args ...string) *SentinelServers {
	tb.Helper()
	return sentinelServers(tb, nil, args)
}

func sentinelServers(tb testing.TB, certs *Certificates, args []string) *SentinelServers {
	tb.Helper()
	start := func(args []string) *RedisServer { return Redis(tb, args...) }
	if certs != nil {
		args = append(slices.Clone(args), "--tls-replication", "yes")
		start = func(args []string) *RedisServer { return RedisTLS(tb, *certs, args...) }
	}
	primary := start(args)
	proxy := Proxy(tb, primary.reach())
	host, port := split(tb, proxy.Addr())
	replica := start(append(slices.Clone(args), "--replicaof", host+" "+port))
	replica.follow()
	s := &SentinelServers{tb: tb, certs: certs, servers: []*RedisServer{primary, replica}, proxy: proxy}
	for range sentinels {
		s.watch = append(s.watch, s.sentinel())
	}
	// Each Sentinel makes itself known through the primary, every two seconds.
	ctx := lasting(tb)
	for _, w := range s.watch {
		test.Wait(tb, "the Sentinels know each other", func() bool {
			known := watched(ctx, w)
			_, err := w.Ask(ctx, "sentinel", "ckquorum", SentinelName)
			return err == nil && known["num-slaves"] == "1" && known["num-other-sentinels"] == "2"
		})
	}
	return s
}

// reach is where servers reach each other: by TLS where they speak it.
func (s *RedisServer) reach() string { return cmp.Or(s.tlsAddr, s.addr) }

// sentinel starts one. It writes down what it learns, so its settings are in a
// file. It pings once in down-after, at most once a second: with less than two
// seconds one late answer on a busy machine is a second failover, back to the
// primary that a test has isolated.
func (s *SentinelServers) sentinel() *RedisServer {
	s.tb.Helper()
	primaryHost, primaryPort := split(s.tb, s.proxy.Addr())
	return launch(s.tb, func(w *RedisServer) {
		w.addr = FreeAddr(s.tb)
		host, port := split(s.tb, w.addr)
		text := fmt.Sprintf(`bind %[1]s
port %[2]s
dir %[3]q
sentinel monitor %[4]s %[5]s %[6]s 2
sentinel down-after-milliseconds %[4]s 2000
sentinel failover-timeout %[4]s 10000
`, host, port, w.dir, SentinelName, primaryHost, primaryPort)
		if s.certs != nil {
			w.tlsAddr = FreeAddr(s.tb)
			_, port := split(s.tb, w.tlsAddr)
			for i, arg := range append(s.certs.args(port), "--tls-replication", "yes") {
				text += strings.TrimPrefix(arg, "--") + string(" \n"[i%2])
			}
		}
		file := filepath.Join(w.dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			s.tb.Fatalf("sentinel: %v", err)
		}
		w.args = []string{file, "--sentinel"}
	})
}

// watched is what a Sentinel says of the primary. It is empty where it does
// not answer.
func watched(ctx context.Context, sentinel *RedisServer) map[string]string {
	reply, _ := sentinel.Ask(ctx, "sentinel", "master", SentinelName)
	return pairs(reply)
}

// URL names the Sentinels as redis+sentinel://name@host:port,… or, with TLS, as
// rediss+sentinel://name@host:port,…?ca_file=….
func (s *SentinelServers) URL() string {
	return topologyURL("+sentinel://"+SentinelName+"@", s.certs, s.watch)
}

// Servers are the two that keep data, the first primary first.
func (s *SentinelServers) Servers() []*RedisServer { return slices.Clone(s.servers) }

// Sentinels are the three that watch.
func (s *SentinelServers) Sentinels() []*RedisServer { return slices.Clone(s.watch) }

// Primary is the server that the Sentinels name. It fails the test while they
// do not agree.
func (s *SentinelServers) Primary() *RedisServer {
	s.tb.Helper()
	p := s.primary(lasting(s.tb))
	if p == nil {
		s.tb.Fatalf("the Sentinels do not agree on a primary")
	}
	return p
}

// primary is nil while the Sentinels do not agree.
func (s *SentinelServers) primary(ctx context.Context) *RedisServer {
	names := make(map[string]bool)
	for _, w := range s.watch {
		said := watched(ctx, w)
		names[net.JoinHostPort(said["ip"], said["port"])] = true
	}
	if len(names) != 1 {
		return nil
	}
	if names[s.proxy.Addr()] {
		return s.servers[0]
	}
	for _, server := range s.servers {
		if names[server.reach()] {
			return server
		}
	}
	return nil
}

// CutReplication holds back what the first primary sends to its replica. Both
// go on to believe that they are connected. When it returns, nothing is on the
// way any more.
func (s *SentinelServers) CutReplication() { s.proxy.StallReplication() }

// IsolatePrimary cuts the first primary off from Sentinels, from the clients
// that ask them, and from its replica. It lives on, and serves whoever has the
// address that is its own.
func (s *SentinelServers) IsolatePrimary() { s.proxy.Cut() }

// Heal takes back CutReplication and IsolatePrimary.
func (s *SentinelServers) Heal() { s.proxy.Heal() }

// KillPrimary kills the server that the Sentinels name.
func (s *SentinelServers) KillPrimary() {
	s.tb.Helper()
	s.Primary().Kill()
}

// AwaitFailover returns the replica as soon as it is the primary and every
// Sentinel says so. That takes about five seconds.
func (s *SentinelServers) AwaitFailover(ctx context.Context) *RedisServer {
	s.tb.Helper()
	replica := s.servers[1]
	test.Wait(s.tb, "the replica becomes the primary", func() bool {
		return s.primary(ctx) == replica && replica.IsPrimary(ctx)
	})
	return replica
}
