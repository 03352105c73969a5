package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"wsticket/ws"
)

// socketCollector reads the WebSocket endpoint's own counts when the metrics
// are read.
type socketCollector struct {
	stats                                  func() ws.Stats
	connections, drained, messages, octets *prometheus.Desc
	unauthenticated                        *prometheus.Desc
}

func newSocketCollector(stats func() ws.Stats) *socketCollector {
	return &socketCollector{
		stats: stats,
		connections: prometheus.NewDesc("wsticket_connections",
			"WebSockets there are now, by the door that they came by and their state.", []string{"door", "state"}, nil),
		unauthenticated: prometheus.NewDesc("wsticket_unauthenticated_connections",
			"WebSockets beside them that wait for their first message, or are closed because of it.", nil, nil),
		drained: prometheus.NewDesc("wsticket_drain_connections",
			"WebSockets since the service began to stop: total, closed (gone), cut (of them not in time).", []string{"outcome"}, nil),
		messages: prometheus.NewDesc("wsticket_relayed_messages_total",
			"Messages that were relayed, by who has sent them: client or upstream.", []string{"from"}, nil),
		octets: prometheus.NewDesc("wsticket_relayed_bytes_total",
			"Bytes that were relayed, with the headers of their frames.", []string{"from"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *socketCollector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.connections, c.unauthenticated, c.drained, c.messages, c.octets} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *socketCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	for door, states := range s.Connections {
		for state, n := range states {
			out <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(n), string(door), string(state))
		}
	}
	out <- prometheus.MustNewConstMetric(c.unauthenticated, prometheus.GaugeValue, float64(s.Unauthenticated))
	for outcome, n := range map[string]int{"total": s.Drained.Total, "closed": s.Drained.Closed, "cut": s.Drained.Cut} {
		out <- prometheus.MustNewConstMetric(c.drained, prometheus.GaugeValue, float64(n), outcome)
	}
	for from, t := range map[string]ws.Traffic{"client": s.FromClient, "upstream": s.FromUpstream} {
		out <- prometheus.MustNewConstMetric(c.messages, prometheus.CounterValue, float64(t.Messages), from)
		out <- prometheus.MustNewConstMetric(c.octets, prometheus.CounterValue, float64(t.Bytes), from)
	}
}
