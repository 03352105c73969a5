package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wsticket/audit"
	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/telemetry"
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

// Telemetry adds the counts of what a collector gets.
func (m *Metrics) Telemetry(stats func() telemetry.Stats) {
	var c collector
	spans := c.desc("telemetry_spans_total", "Spans for the collector by outcome: sent, or dropped because it did not take them in time.", "outcome")
	exports := c.desc("telemetry_metric_exports_total", "Exports of all metrics to the collector by outcome: sent or failed.", "outcome")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- counter(spans, s.SpansSent, "sent")
		out <- counter(spans, s.SpansDropped, "dropped")
		out <- counter(exports, s.MetricsSent, "sent")
		out <- counter(exports, s.MetricsFailed, "failed")
	}
	m.registry.MustRegister(&c)
}

// Feeds adds the counts of what backends hear at /endings.
func (m *Metrics) Feeds(stats func() live.FeedStats) {
	var c collector
	open := c.desc("feeds", "Feeds of backends that are open at /endings.")
	connections := c.desc("feed_connections", "WebSockets of backends that this process watches for their feeds.")
	restarts := c.desc("feed_restarts_total", "How often the store had lost the entries of a feed.")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- gauge(open, s.Open)
		out <- gauge(connections, s.Connections)
		out <- counter(restarts, s.Restarts)
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

// Audit adds the counts of the trail.
func (m *Metrics) Audit(stats func() audit.Stats) {
	var c collector
	stored := c.desc("audit_events_stored_total", "Events that are in the database.")
	lost := c.desc("audit_events_lost_total", "Events that are not in the database, by reason: queue_full, or stopped, which is when the process stopped before the database took them.", "reason")
	queued := c.desc("audit_queue_events", "Events that wait for the database, or are being written.")
	limit := c.desc("audit_queue_limit", "How many may wait: audit.queue.")
	batches := c.desc("audit_batch_duration_seconds", "How long the database took to store a batch of events.")
	failing := c.desc("audit_failing_seconds", "For how long the database has not taken a batch that waits, 0 while all is well.")
	failure := c.desc("audit_last_failure_timestamp_seconds", "When the database did not take a batch for the last time, 0 if it always has.")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- counter(stored, s.Stored)
		out <- counter(lost, s.LostFull, "queue_full")
		out <- counter(lost, s.LostStopped, "stopped")
		out <- gauge(queued, s.Queued)
		out <- gauge(limit, s.Queue)
		out <- prometheus.MustNewConstSummary(batches, s.Batches, s.Writing.Seconds(), nil)
		seconds, last := 0.0, 0.0
		if !s.FailingSince.IsZero() {
			seconds = time.Since(s.FailingSince).Seconds()
		}
		if !s.LastFailure.IsZero() {
			last = float64(s.LastFailure.UnixMilli()) / 1000
		}
		out <- prometheus.MustNewConstMetric(failing, prometheus.GaugeValue, seconds)
		out <- prometheus.MustNewConstMetric(failure, prometheus.GaugeValue, last)
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

// ReloadStats are about the settings that are in use, and the reloads so far.
type ReloadStats struct {
	Good, Faulty uint64
	Failing      bool      // the last one was faulty
	Last         time.Time // when the settings that are in use were loaded
	Hash         string
}

// Reloads adds the counts of reloads.
func (m *Metrics) Reloads(stats func() ReloadStats) {
	var c collector
	total := c.desc("reloads_total", "Reloads of the settings, by SIGHUP or because a file has changed, by result: success, or failure, after which the settings before stay in use.", "result")
	success := c.desc("config_last_reload_successful", "Whether the last reload succeeded: 1, also if there was none, or 0.")
	at := c.desc("config_last_reload_success_timestamp_seconds", "When the settings that are in use were loaded, as a Unix time.")
	info := c.desc("config_info", "Always 1; the label is a hash of the settings that are in use, without secrets and without what is in files.", "hash")
	c.collect = func(out chan<- prometheus.Metric) {
		s := stats()
		out <- counter(total, s.Good, "success")
		out <- counter(total, s.Faulty, "failure")
		good := 1
		if s.Failing {
			good = 0
		}
		out <- gauge(success, good)
		out <- prometheus.MustNewConstMetric(at, prometheus.GaugeValue, float64(s.Last.UnixMilli())/1000)
		out <- gauge(info, 1, s.Hash)
	}
	m.registry.MustRegister(&c)
}
