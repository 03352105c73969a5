package main

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
	"wsticket/ws"
)

// metrics turns what happens into Prometheus series. Every label has few
// values: words of ours, routes and status codes, nothing of a request.
type metrics struct {
	registry   *prometheus.Registry
	actions    *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	requests   *prometheus.CounterVec
	handshakes *prometheus.CounterVec
	outages    *prometheus.CounterVec
	socketPath string
}

func newMetrics(socketPath string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(), socketPath: socketPath,
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wsticket_actions_total",
			Help: "Issues, redemptions and revocations by reason; ok is what was done.",
		}, []string{"action", "reason"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wsticket_action_duration_seconds",
			Help: "Time that issues, redemptions and revocations took, refused ones too.",
			// From the memory store's microseconds to the store's deadline.
			Buckets: []float64{.00001, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}, []string{"action"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wsticket_http_requests_total",
			Help: "Requests by route, method, status and internal reason.",
		}, []string{"route", "method", "status", "reason"}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wsticket_handshakes_total",
			Help: "WebSocket handshakes by door (none where it was not come to), outcome and internal reason. One that is accepted is counted again when it is settled.",
		}, []string{"door", "outcome", "reason"}),
	}
	m.outages = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wsticket_store_outages_total",
		Help: "Operations that the store could not answer, by kind.",
	}, []string{"kind"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "wsticket_build_info", Help: "Always 1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.actions, m.durations, m.requests, m.handshakes, m.outages, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// observe counts what the ticket service did. An attempt that came again is
// told from the first by its reason.
func (m *metrics) observe(e ticket.Event) {
	reason := ticket.Reason(e.Err)
	if e.Err == nil && e.Retried {
		reason = "retried"
	}
	m.actions.WithLabelValues(string(e.Action), reason).Inc()
	m.durations.WithLabelValues(string(e.Action)).Observe(e.Took.Seconds())
}

// request counts an answer, and a handshake: one at the WebSocket's path, and
// one that a proxy asks about.
func (m *metrics) request(e accesslog.Entry) {
	m.requests.WithLabelValues(e.Route, e.Method, strconv.Itoa(e.Status), e.Reason).Inc()
	if e.Route == m.socketPath || isForwardAuth(e.Route) {
		m.handshakes.WithLabelValues(cmp.Or(e.Door, "none"), e.Outcome, e.Reason).Inc()
	}
}

// handshake counts what became of a handshake that was pending.
func (m *metrics) handshake(_ context.Context, e ws.HandshakeEvent) {
	m.handshakes.WithLabelValues(string(e.Door), e.Outcome, e.Reason).Inc()
}
