package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
