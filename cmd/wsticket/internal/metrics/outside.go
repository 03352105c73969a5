package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"wsticket/cmd/wsticket/internal/telemetry"
	"wsticket/live"
)

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
