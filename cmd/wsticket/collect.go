package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"wsticket/auth"
	"wsticket/store/redisstore"
)

// authCollector reads the verifier's own counts when the metrics are read.
type authCollector struct {
	stats                          func() auth.Stats
	hits, misses, entries, fetches *prometheus.Desc
}

func newAuthCollector(stats func() auth.Stats) *authCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("wsticket_"+name, help, labels, nil)
	}
	return &authCollector{
		stats:   stats,
		hits:    desc("bearer_cache_hits_total", "Bearers that were known to be good."),
		misses:  desc("bearer_cache_misses_total", "Bearers that had to be verified."),
		entries: desc("bearer_cache_entries", "Verified bearers that are remembered."),
		fetches: desc("key_fetches_total", "Fetches of issuers' keys by outcome.", "outcome"),
	}
}

// Describe implements prometheus.Collector.
func (c *authCollector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.hits, c.misses, c.entries, c.fetches} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *authCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	out <- prometheus.MustNewConstMetric(c.hits, prometheus.CounterValue, float64(s.CacheHits))
	out <- prometheus.MustNewConstMetric(c.misses, prometheus.CounterValue, float64(s.CacheMisses))
	out <- prometheus.MustNewConstMetric(c.entries, prometheus.GaugeValue, float64(s.CacheSize))
	for outcome, n := range s.KeyFetches {
		out <- prometheus.MustNewConstMetric(c.fetches, prometheus.CounterValue, float64(n), outcome)
	}
}

// sessionCollector reads the counts of the cache of sessions.
type sessionCollector struct {
	stats                 func() auth.SessionStats
	hits, misses, entries *prometheus.Desc
}

func newSessionCollector(stats func() auth.SessionStats) *sessionCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("wsticket_session_cache_"+name, help, nil, nil)
	}
	return &sessionCollector{
		stats:   stats,
		hits:    desc("hits_total", "Sessions that the application had vouched for in the last 10 s."),
		misses:  desc("misses_total", "Sessions that it had to be asked about."),
		entries: desc("entries", "Sessions that are remembered."),
	}
}

// Describe implements prometheus.Collector.
func (c *sessionCollector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.hits, c.misses, c.entries} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *sessionCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	out <- prometheus.MustNewConstMetric(c.hits, prometheus.CounterValue, float64(s.CacheHits))
	out <- prometheus.MustNewConstMetric(c.misses, prometheus.CounterValue, float64(s.CacheMisses))
	out <- prometheus.MustNewConstMetric(c.entries, prometheus.GaugeValue, float64(s.CacheSize))
}

// poolCollector reads the counts of the Redis client's connection pool.
type poolCollector struct {
	store         *redisstore.Store
	events, conns *prometheus.Desc
}

func newPoolCollector(s *redisstore.Store) *poolCollector {
	return &poolCollector{
		store: s,
		events: prometheus.NewDesc("wsticket_redis_pool_events_total",
			"Connections that were asked for: hit, miss (a new one), timeout (none in time), stale (thrown away).", []string{"event"}, nil),
		conns: prometheus.NewDesc("wsticket_redis_pool_connections", "Connections by state.", []string{"state"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *poolCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.events
	out <- c.conns
}

// Collect implements prometheus.Collector.
func (c *poolCollector) Collect(out chan<- prometheus.Metric) {
	s := c.store.PoolStats()
	for event, n := range map[string]uint32{"hit": s.Hits, "miss": s.Misses, "timeout": s.Timeouts, "stale": s.StaleConns} {
		out <- prometheus.MustNewConstMetric(c.events, prometheus.CounterValue, float64(n), event)
	}
	for state, n := range map[string]uint32{"idle": s.IdleConns, "busy": s.TotalConns - min(s.IdleConns, s.TotalConns)} {
		out <- prometheus.MustNewConstMetric(c.conns, prometheus.GaugeValue, float64(n), state)
	}
}
