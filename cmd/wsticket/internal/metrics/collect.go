package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"wsticket/auth"
	"wsticket/gate"
	"wsticket/internal/bounded"
	"wsticket/internal/webhook"
	"wsticket/live"
	"wsticket/store/redisstore"
	"wsticket/ticket"
	"wsticket/ws"
)

// collector reads the counts that a package keeps when the metrics are read.
type collector struct {
	descs   []*prometheus.Desc
	collect func(out chan<- prometheus.Metric)
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) { c.collect(out) }

func (c *collector) desc(name, help string, labels ...string) *prometheus.Desc {
	desc := prometheus.NewDesc("wsticket_"+name, help, labels, nil)
	c.descs = append(c.descs, desc)
	return desc
}

func counter[N int | uint32 | uint64](desc *prometheus.Desc, n N, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
}

func gauge[N int | uint32 | uint64](desc *prometheus.Desc, n N, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), labels...)
}

// Bearers adds the counts of the verifier.
func (m *Metrics) Bearers(stats func() auth.Stats) {
	var c collector
	hits := c.desc("bearer_cache_hits_total", "Bearers that were found in the cache.")
	misses := c.desc("bearer_cache_misses_total", "Bearers that had to be verified.")
	entries := c.desc("bearer_cache_entries", "Verified bearers in the cache.")
	fetches := c.desc("key_fetches_total", "Fetches of issuers' keys by issuer and outcome.", "issuer", "outcome")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- counter(hits, s.CacheHits)
		out <- counter(misses, s.CacheMisses)
		out <- gauge(entries, s.CacheSize)
		for issuer, outcomes := range s.KeyFetches {
			for outcome, n := range outcomes {
				out <- counter(fetches, n, issuer, outcome)
			}
		}
	}
	m.registry.MustRegister(&c)
}

// Sessions adds the counts of the cache of sessions.
func (m *Metrics) Sessions(stats func() auth.SessionStats) {
	var c collector
	hits := c.desc("session_cache_hits_total", "Sessions that were found in the cache, which keeps them for 10 s.")
	misses := c.desc("session_cache_misses_total", "Sessions that the application was asked about.")
	entries := c.desc("session_cache_entries", "Sessions in the cache.")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- counter(hits, s.CacheHits)
		out <- counter(misses, s.CacheMisses)
		out <- gauge(entries, s.CacheSize)
	}
	m.registry.MustRegister(&c)
}

// Gate adds the counts of the gate.
func (m *Metrics) Gate(stats func() gate.Stats) {
	var c collector
	unreadable := c.desc("unreadable_addresses_total", "Clients that a trusted proxy has reported by something that is no address. The proxy's own address counts for them.")
	c.collect = func(out chan<- prometheus.Metric) { out <- counter(unreadable, stats().UnreadableAddresses) }
	m.registry.MustRegister(&c)
}

// Redis adds the counts of the Redis client's connection pool.
func (m *Metrics) Redis(redis *redisstore.Store) {
	var c collector
	events := c.desc("redis_pool_events_total",
		"Connections that were asked for: hit, miss (a new one), timeout (none in time), stale (thrown away).", "event")
	conns := c.desc("redis_pool_connections", "Connections by state.", "state")
	c.collect = func(out chan<- prometheus.Metric) {
		s := redis.PoolStats()
		for event, n := range map[string]uint32{"hit": s.Hits, "miss": s.Misses, "timeout": s.Timeouts, "stale": s.StaleConns} {
			out <- counter(events, n, event)
		}
		out <- gauge(conns, s.IdleConns, "idle")
		out <- gauge(conns, s.TotalConns-min(s.IdleConns, s.TotalConns), "busy")
	}
	m.registry.MustRegister(&c)
}

// Listeners adds the counts of the listeners by their names.
func (m *Metrics) Listeners(stats func() map[string]bounded.Stats) {
	var c collector
	open := c.desc("tcp_connections", "Current TCP connections by listener: public, internal, health.", "listener")
	most := c.desc("tcp_connections_max", "How many there may be.", "listener")
	refused := c.desc("tcp_connections_refused_total",
		"TCP connections that were closed at once, by the bound: all of the listener, or address.", "listener", "bound")
	c.collect = func(out chan<- prometheus.Metric) {
		for listener, s := range stats() {
			out <- gauge(open, s.Open, listener)
			out <- gauge(most, s.Max, listener)
			out <- counter(refused, s.Refused, listener, "all")
			out <- counter(refused, s.RefusedOfAddress, listener, "address")
		}
	}
	m.registry.MustRegister(&c)
}

// Revocations adds the counts of revocations.
func (m *Metrics) Revocations(stats func() live.RevocationStats) {
	var c collector
	active := c.desc("revocations_active", "Users, sessions, bearers, issuers and connections that are revoked now.")
	ended := c.desc("revoked_connections_total", "WebSockets that a revocation has ended, by its action.", "action")
	forged := c.desc("revocation_entries_forged_total", "Entries of the stream of revocations that did not open: somebody else writes there, or a process has other seal keys.")
	restarts := c.desc("revocation_stream_restarts_total", "How often the stream of revocations was another one, for example after a failover, and was read from its beginning.")
	gaps := c.desc("revocation_stream_gaps_total", "How often the stream of revocations had lost entries.")
	stale := c.desc("revocation_stream_age_seconds", "Time since the stream of revocations was read. It is up to 2 s old while all is well.")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- gauge(active, s.Active)
		for action, n := range s.Ended {
			out <- counter(ended, n, string(action))
		}
		out <- counter(forged, s.Forged)
		out <- counter(restarts, s.Restarts)
		out <- counter(gaps, s.Gaps)
		out <- prometheus.MustNewConstMetric(stale, prometheus.GaugeValue, s.Stale.Seconds())
	}
	m.registry.MustRegister(&c)
}

// Webhook adds the counts of the webhook.
func (m *Metrics) Webhook(stats func() webhook.Stats) {
	var c collector
	events := c.desc("webhook_events_total", "Events for the webhook by outcome: sent, or dropped because the receiver did not take them in time.", "outcome")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- counter(events, s.Sent, "sent")
		out <- counter(events, s.Dropped, "dropped")
	}
	m.registry.MustRegister(&c)
}

// Places adds the counts of the WebSockets of each user.
func (m *Metrics) Places(stats func() live.PlaceStats) {
	var c collector
	held := c.desc("subject_places", "WebSockets of this process that count for ws.max_connections_per_subject.")
	over := c.desc("subject_places_over_total", "WebSockets that were one too many for their user, by outcome: refused, or displaced by a newer one.", "outcome")
	failed := c.desc("subject_places_failed_total", "Commands by which the store should have counted the WebSockets of a user, and did not.")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- gauge(held, s.Held)
		out <- counter(over, s.Refused, "refused")
		out <- counter(over, s.Displaced, "displaced")
		out <- counter(failed, s.Failed)
	}
	m.registry.MustRegister(&c)
}

// Sockets adds the counts of the WebSocket endpoint.
func (m *Metrics) Sockets(endpoint func() ws.Stats, registry func() live.Stats) {
	var c collector
	connections := c.desc("connections", "Current WebSockets by door and state.", "door", "state")
	subjects := c.desc("connected_subjects", "Different users that have a WebSocket.")
	sessions := c.desc("connected_sessions", "Different sessions (sid) that have a WebSocket.")
	deadlines := c.desc("connection_deadlines", "WebSockets that end by themselves, at the end of their bearer.")
	unauthenticated := c.desc("unauthenticated_connections", "Additional WebSockets that wait for their first message, or are being closed because of it.")
	drained := c.desc("drain_connections", "WebSockets since the service began to stop: total, closed, and cut, which are the closed ones that were not in time.", "outcome")
	messages := c.desc("relayed_messages_total", "Relayed messages by sender: client or upstream.", "from")
	octets := c.desc("relayed_bytes_total", "Relayed bytes, including frame headers, by sender.", "from")
	c.collect = func(out chan<- prometheus.Metric) {
		s, open := endpoint(), registry()
		for door, states := range open.Connections {
			for state, n := range states {
				out <- gauge(connections, n, string(door), string(state))
			}
		}
		out <- gauge(subjects, open.Subjects)
		out <- gauge(sessions, open.Sessions)
		out <- gauge(deadlines, open.Deadlines)
		out <- gauge(unauthenticated, s.Unauthenticated)
		for outcome, n := range map[string]int{"total": open.Drained.Total, "closed": open.Drained.Closed, "cut": open.Drained.Cut} {
			out <- gauge(drained, n, outcome)
		}
		for from, t := range map[string]ticket.Traffic{"client": s.FromClient, "upstream": s.FromUpstream} {
			out <- counter(messages, t.Messages, from)
			out <- counter(octets, t.Bytes, from)
		}
	}
	m.registry.MustRegister(&c)
}
