package testenv

import (
	"slices"
	"strconv"

	"wsticket/internal/test"
)

// Migration is the move of a slot from one master to another.
type Migration struct {
	cluster  *ClusterServers
	slot     int
	From, To *RedisServer
}

// MigrateSlot moves the slot of key, with all its keys, to another master. It
// returns when all live nodes know the new master.
func (c *ClusterServers) MigrateSlot(key string) *Migration {
	c.tb.Helper()
	m := c.StartMigration(key)
	m.MoveKeys()
	m.Finish()
	return m
}

// StartMigration begins to move the slot of key: from now on the old master
// redirects clients (ASK) to the new one for keys that it does not have.
func (c *ClusterServers) StartMigration(key string) *Migration {
	c.tb.Helper()
	from := c.MasterOf(key)
	next := (slices.Index(c.nodes, from) + 1) % len(c.nodes)
	m := &Migration{cluster: c, slot: c.Slot(key), From: from, To: c.nodes[next]}
	m.set(m.To, "importing", m.From)
	m.set(m.From, "migrating", m.To)
	return m
}

// MoveKeys moves the keys of the slot with MIGRATE, as redis-cli does.
func (m *Migration) MoveKeys() {
	m.cluster.tb.Helper()
	host, port := split(m.cluster.tb, m.To.addr)
	patience := strconv.FormatInt(askTimeout.Milliseconds(), 10)
	for {
		keys, _ := m.From.MustAsk("cluster", "getkeysinslot", strconv.Itoa(m.slot), "100").([]any)
		if len(keys) == 0 {
			return
		}
		command := []string{"migrate", host, port, "", "0", patience, "keys"}
		for _, key := range keys {
			name, _ := key.(string)
			command = append(command, name)
		}
		m.From.MustAsk(command...)
	}
}

// Finish assigns the slot to the new master and returns when all live nodes know
// that.
func (m *Migration) Finish() {
	c := m.cluster
	c.tb.Helper()
	m.set(m.To, "node", m.To)
	m.set(m.From, "node", m.To)
	id := m.To.clusterID()
	ctx := lasting(c.tb)
	test.Wait(c.tb, "every node knows the new master of the slot", func() bool {
		return !slices.ContainsFunc(c.nodes, func(n *RedisServer) bool {
			seen := ownerSeenBy(ctx, n, m.slot)
			return seen.id != "" && seen.id != id
		})
	})
}

// set changes the state of the slot at one node.
func (m *Migration) set(at *RedisServer, state string, other *RedisServer) {
	m.cluster.tb.Helper()
	at.MustAsk("cluster", "setslot", strconv.Itoa(m.slot), state, other.clusterID())
}

// clusterID returns the ID of a node in its cluster.
func (s *RedisServer) clusterID() string {
	s.tb.Helper()
	id, _ := s.MustAsk("cluster", "myid").(string)
	return id
}
