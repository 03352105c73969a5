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

// SentinelName is the name of the primary in the configuration of [Sentinel].
const SentinelName = "tickets"

// sentinels is the number of Sentinels. Two must agree that the primary is gone.
const sentinels = 3

// SentinelServers are a primary, its replica, and the Sentinels that watch them.
//
// The Sentinels, their clients and the replica reach the first primary through a
// proxy, and know only the proxy's address. So a test can cut only the replication,
// or isolate the primary while it still serves clients that use its own address.
type SentinelServers struct {
	tb      testing.TB
	certs   *Certificates  // nil without TLS
	watch   []*RedisServer // the Sentinels
	servers []*RedisServer // the first primary, the replica
	proxy   *ProxyServer   // before the first primary
}

// Sentinel starts a primary, a replica and three Sentinels, and returns when all of
// them know each other. A primary is considered gone after two seconds of silence.
// The args are those of primary and replica, as for [Redis]. The servers are killed
// when the test ends.
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
	// Sentinels announce themselves through the primary, every two seconds.
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

// reach returns the address that other servers use: the one for TLS, if there is
// one.
func (s *RedisServer) reach() string { return cmp.Or(s.tlsAddr, s.addr) }

// sentinel starts one Sentinel. Its settings have to be in a file, because it
// stores there what it learns. It pings once per down-after, at most once a second.
// With less than two seconds, one late answer on a busy machine causes a second
// failover, back to the primary that a test has isolated.
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

// watched returns what a Sentinel knows about the primary. It is empty if the
// Sentinel does not answer.
func watched(ctx context.Context, sentinel *RedisServer) map[string]string {
	reply, _ := sentinel.Ask(ctx, "sentinel", "master", SentinelName)
	return pairs(reply)
}

// URL returns the Sentinels as redis+sentinel://name@host:port,… or, with TLS, as
// rediss+sentinel://name@host:port,…?ca_file=….
func (s *SentinelServers) URL() string {
	return topologyURL("+sentinel://"+SentinelName+"@", s.certs, s.watch)
}

// Servers returns the two servers with data, the first primary first.
func (s *SentinelServers) Servers() []*RedisServer { return slices.Clone(s.servers) }

// Sentinels returns the three Sentinels.
func (s *SentinelServers) Sentinels() []*RedisServer { return slices.Clone(s.watch) }

// Primary returns the primary according to the Sentinels. It fails the test if they
// do not agree.
func (s *SentinelServers) Primary() *RedisServer {
	s.tb.Helper()
	p := s.primary(lasting(s.tb))
	if p == nil {
		s.tb.Fatalf("the Sentinels do not agree on a primary")
	}
	return p
}

// primary is like Primary, but returns nil if the Sentinels do not agree.
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

// CutReplication stalls the replication from the first primary to its replica. To
// both the connection looks intact. When it returns, no bytes are on the way.
func (s *SentinelServers) CutReplication() { s.proxy.StallReplication() }

// IsolatePrimary cuts the first primary off from the Sentinels, from the clients
// that ask them, and from its replica. It still serves clients that use its own
// address.
func (s *SentinelServers) IsolatePrimary() { s.proxy.Cut() }

// Heal ends CutReplication and IsolatePrimary.
func (s *SentinelServers) Heal() { s.proxy.Heal() }

// KillPrimary kills the primary according to the Sentinels.
func (s *SentinelServers) KillPrimary() {
	s.tb.Helper()
	s.Primary().Kill()
}

// AwaitFailover waits until the replica is the primary and all Sentinels know that,
// which takes about five seconds, and returns it.
func (s *SentinelServers) AwaitFailover(ctx context.Context) *RedisServer {
	s.tb.Helper()
	replica := s.servers[1]
	test.Wait(s.tb, "the replica becomes the primary", func() bool {
		return s.primary(ctx) == replica && replica.IsPrimary(ctx)
	})
	return replica
}
