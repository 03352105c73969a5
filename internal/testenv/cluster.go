package testenv

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wsticket/internal/test"
)

const (
	// masters is the number of masters of a cluster.
	masters = 3
	slots   = 16384
	// busOffset is the distance from a node's port to that of its cluster bus.
	busOffset = 10000
	portTries = 100
)

// ClusterServers are the masters of a Redis Cluster without replicas.
type ClusterServers struct {
	tb    testing.TB
	certs *Certificates // nil without TLS
	nodes []*RedisServer
}

// Cluster starts three masters that share the slots evenly, and returns when they
// have formed a cluster. If a master is gone, its slots have no master, and the
// other slots still work. The args are those of each master, as for [Redis]. The
// servers are killed when the test ends.
func Cluster(tb testing.TB, args ...string) *ClusterServers {
	tb.Helper()
	return clusterServers(tb, nil, args)
}

func clusterServers(tb testing.TB, certs *Certificates, args []string) *ClusterServers {
	tb.Helper()
	c := &ClusterServers{tb: tb, certs: certs}
	for range masters {
		c.nodes = append(c.nodes, launch(tb, func(s *RedisServer) {
			s.addr = freeClusterAddr(tb)
			s.args = slices.Concat(defaults(tb, s), []string{
				"--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
				"--cluster-require-full-coverage", "no",
			}, args)
			if certs != nil {
				s.tlsAddr = freeClusterAddr(tb)
				_, port := split(tb, s.tlsAddr)
				s.args = slices.Concat(s.args, certs.args(port), []string{"--tls-cluster", "yes"})
			}
		}))
	}
	c.join()
	return c
}

// freeClusterAddr returns an address whose port is free, like that of its bus.
func freeClusterAddr(tb testing.TB) string {
	tb.Helper()
	var lc net.ListenConfig
	for range portTries {
		addr := FreeAddr(tb)
		host, port := split(tb, addr)
		n, err := strconv.Atoi(port)
		if err != nil {
			tb.Fatalf("port: %v", err)
		}
		bus := net.JoinHostPort(host, strconv.Itoa(n+busOffset))
		if l, err := lc.Listen(lasting(tb), "tcp", bus); err == nil {
			_ = l.Close() // only to see whether the port is free
			return addr
		}
	}
	tb.Fatal("no free port for a cluster node")
	return ""
}

// join makes a cluster of nodes that do not know each other.
func (c *ClusterServers) join() {
	c.tb.Helper()
	host, port := split(c.tb, c.nodes[0].reach())
	for i, node := range c.nodes {
		node.MustAsk("cluster", "set-config-epoch", strconv.Itoa(i+1))
		command := []string{"cluster", "addslots"}
		for slot := i * slots / masters; slot < (i+1)*slots/masters; slot++ {
			command = append(command, strconv.Itoa(slot))
		}
		node.MustAsk(command...)
		if i > 0 {
			node.MustAsk("cluster", "meet", host, port)
		}
	}
	ctx := lasting(c.tb)
	test.Wait(c.tb, "the masters form a cluster", func() bool {
		return !slices.ContainsFunc(c.nodes, func(n *RedisServer) bool {
			reply, _ := n.Ask(ctx, "cluster", "info")
			text, _ := reply.(string)
			said := lines(text)
			return said["cluster_state"] != "ok" || said["cluster_size"] != strconv.Itoa(masters)
		})
	})
}

// URL returns the masters as redis+cluster://host:port,… or, with TLS, as
// rediss+cluster://host:port,…?ca_file=….
func (c *ClusterServers) URL() string { return topologyURL("+cluster://", c.certs, c.nodes) }

// topologyURL lists servers and, with TLS, the file of the CA to trust.
func topologyURL(scheme string, certs *Certificates, servers []*RedisServer) string {
	var plain, secure []string
	for _, s := range servers {
		plain, secure = append(plain, s.addr), append(secure, s.tlsAddr)
	}
	if certs == nil {
		return "redis" + scheme + strings.Join(plain, ",")
	}
	return "rediss" + scheme + strings.Join(secure, ",") + "?ca_file=" + certs.CAFile
}

// Servers returns the masters.
func (c *ClusterServers) Servers() []*RedisServer { return slices.Clone(c.nodes) }

// MasterOf returns the master of the slot of key, even if it is dead.
func (c *ClusterServers) MasterOf(key string) *RedisServer {
	c.tb.Helper()
	slot, ctx := c.Slot(key), lasting(c.tb)
	var said string
	for _, node := range c.nodes {
		owner := ownerSeenBy(ctx, node, slot)
		if owner.addr == node.addr {
			return node // what a node says about itself is never outdated
		}
		said = cmp.Or(owner.addr, said)
	}
	for _, node := range c.nodes {
		if node.addr == said {
			return node
		}
	}
	c.tb.Fatalf("cluster: no master has slot %d", slot)
	return nil
}

// Slot returns the slot of key.
func (c *ClusterServers) Slot(key string) int {
	c.tb.Helper()
	for _, node := range c.nodes {
		reply, _ := node.Ask(lasting(c.tb), "cluster", "keyslot", key)
		if slot, ok := reply.(int64); ok {
			return int(slot)
		}
	}
	c.tb.Fatal("cluster: no node answers")
	return 0
}

// owner is the master of a slot.
type owner struct{ addr, id string }

// ownerSeenBy returns the master of a slot according to one node. It is empty if
// the node does not answer.
func ownerSeenBy(ctx context.Context, node *RedisServer, slot int) owner {
	reply, _ := node.Ask(ctx, "cluster", "slots")
	ranges, _ := reply.([]any)
	for _, r := range ranges {
		// First slot, last slot, then the master: host, port, ID.
		fields, _ := r.([]any)
		if len(fields) < 3 {
			continue
		}
		first, _ := fields[0].(int64)
		last, _ := fields[1].(int64)
		master, _ := fields[2].([]any)
		if int64(slot) < first || int64(slot) > last || len(master) < 3 {
			continue
		}
		host, _ := master[0].(string)
		port, _ := master[1].(int64)
		id, _ := master[2].(string)
		return owner{net.JoinHostPort(host, strconv.FormatInt(port, 10)), id}
	}
	return owner{}
}
