package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wsticket/audit"
)

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
