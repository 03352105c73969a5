// Package metrics turns what happens, and what packages count themselves, into
// Prometheus series. Every label has few values: words of ours, routes and
// status codes, and nothing that a request brings.
package metrics

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wsticket/internal/buildinfo"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// Metrics holds the series of one service. It is safe for concurrent use.
type Metrics struct {
	registry   *prometheus.Registry
	actions    *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	requests   *prometheus.CounterVec
	answers    *prometheus.HistogramVec
	handshakes *prometheus.CounterVec
	outages    *prometheus.CounterVec
	sockets    []string // routes of the WebSocket
	lasted     *prometheus.HistogramVec
	faults     *prometheus.CounterVec
	revoked    *prometheus.CounterVec
	tripwires  *prometheus.CounterVec
	rechecks   *prometheus.CounterVec
	logouts    *prometheus.CounterVec
	secEvents  *prometheus.CounterVec
}

// New returns Metrics of that build of a program, whose WebSocket has these
// routes.
func New(info buildinfo.Info, sockets []string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), sockets: sockets}
	m.actions = m.counter("actions_total", "Issues, redemptions, revocations and renewals by reason; ok and retried are the successful ones.", "action", "reason")
	m.durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "wsticket_action_duration_seconds",
		Help: "Duration of issues, redemptions, revocations and renewals, including refused ones.",
		// From the memory store's microseconds to the store's deadline.
		Buckets: []float64{.00001, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
	}, []string{"action"})
	m.requests = m.counter("http_requests_total", "Requests by route, method, status and internal reason.", "route", "method", "status", "reason")
	m.answers = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "wsticket_http_request_duration_seconds",
		Help: "Time to the answer by route. That of a WebSocket ends with its 101, and has that of the application in it where it is relayed.",
		// From a refusal that asks nobody to the longest time that an application has.
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"route"})
	m.handshakes = m.counter("handshakes_total",
		"WebSocket handshakes by door (none if refused before the credential was checked), outcome and internal reason. One that is accepted is counted again when it is settled.",
		"door", "outcome", "reason")
	m.outages = m.counter("store_outages_total", "Operations that the store could not answer, by kind.", "kind")
	m.faults = m.counter("frame_faults_total", "WebSockets that were closed because a frame broke a rule of RFC 6455, by its sender: client or upstream.", "from")
	m.revoked = m.counter("revocations_total", "Revocations that this process was asked for, by their source, by what they name (sub, sid, jti, ticket or iss), action and reason.", "source", "by", "action", "reason")
	m.tripwires = m.counter("tripwires_total", "Replays of tickets whose connections are live, by outcome: reported, ended, or dropped because too many came at once.", "outcome")
	m.rechecks = m.counter("session_rechecks_total", "Connections whose session was looked at again, by outcome: kept, over, or unavailable.", "outcome")
	m.logouts = m.counter("logout_tokens_total", "Requests to /backchannel-logout by outcome: logged_out, unmatched (no connection of this process was of that session or user), refused or error.", "outcome")
	m.secEvents = m.counter("security_events_total", "Requests to /security-events by outcome: matched, unmatched (no connection of this process was of that session or user), repeated, verification, unknown, refused or error.", "outcome")
	m.lasted = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "wsticket_connection_duration_seconds",
		Help: "How long closed WebSockets were open, by who ended them: client, upstream or relay.",
		// From a page that is left at once to a day.
		Buckets: []float64{1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600},
	}, []string{"by"})
	self := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "wsticket_build_info", Help: "Always 1; the labels have the version, and the commit, which is empty if it is not known.",
		ConstLabels: prometheus.Labels{"version": info.Version, "commit": info.Commit},
	})
	self.Set(1)
	m.registry.MustRegister(m.durations, m.answers, m.lasted, self,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin()
	return m
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wsticket_" + name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

// Handler serves the series in the format of Prometheus, or in that of OpenMetrics with
// exemplars, if the scraper asks for it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Gatherer returns the series themselves.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Record counts an event.
func (m *Metrics) Record(e *ticket.Event) {
	switch {
	case e.Kind == ticket.EventRequest:
		m.request(e)
	case e.Revocation != nil:
		m.revoked.WithLabelValues(e.Revocation.Source, e.Revocation.Kind(), string(e.Revocation.Action), e.Reason).Inc()
	case e.Kind == ticket.EventRecheck:
		m.rechecks.WithLabelValues(e.Outcome).Inc()
	case e.Kind == ticket.EventTripwire:
		m.tripwires.WithLabelValues(e.Outcome).Inc()
	case e.Kind == ticket.EventDisconnect:
		m.lasted.WithLabelValues(e.Closed.By).Observe(e.Duration.Seconds())
		if e.Closed.Fault != "" {
			m.faults.WithLabelValues(e.Closed.FaultBy).Inc()
		}
	case e.Action == ticket.ActionHandshake:
		// Other handshakes are counted by their requests.
		if e.Kind == ticket.EventConnect && e.Presentation.Door == ticket.DoorFirstMessage || e.AfterUpgrade {
			m.handshake(e)
		}
	case e.Kind != ticket.EventLimit && (e.Action == ticket.ActionIssue || e.Action == ticket.ActionRedeem || e.Action == ticket.ActionRevoke || e.Action == ticket.ActionRenew):
		m.action(e)
	}
}

// action counts what the ticket service did. The reason of an attempt that was
// retried is "retried".
func (m *Metrics) action(e *ticket.Event) {
	reason := e.Reason
	if e.Err == nil && e.Retried {
		reason = "retried"
	}
	m.actions.WithLabelValues(string(e.Action), reason).Inc()
	observe(m.durations.WithLabelValues(string(e.Action)), e)
	if outage, ok := errors.AsType[*redisstore.OutageError](e.Err); ok {
		m.outages.WithLabelValues(string(outage.Kind())).Inc()
	}
}

// observe adds the duration of an event, with the trace of its request where that is
// recorded. Its ID is 32 hex digits, so that an exemplar is far below the 128 characters
// that OpenMetrics allows.
func observe(histogram prometheus.Observer, e *ticket.Event) {
	with, ok := histogram.(prometheus.ExemplarObserver)
	if !ok || !e.Request.Sampled {
		histogram.Observe(e.Duration.Seconds())
		return
	}
	with.ObserveWithExemplar(e.Duration.Seconds(), prometheus.Labels{"trace_id": e.Request.TraceID})
}

// Where issuers send logout tokens and security events.
const (
	logoutRoute = "/backchannel-logout"
	eventsRoute = "/security-events"
)

// request counts an answer, and also a handshake if the request was one: at a
// path of the WebSocket, or at an endpoint of forward auth.
func (m *Metrics) request(e *ticket.Event) {
	m.requests.WithLabelValues(e.HTTP.Route, e.HTTP.Method, strconv.Itoa(e.HTTP.Status), e.Reason).Inc()
	observe(m.answers.WithLabelValues(e.HTTP.Route), e)
	switch post := e.HTTP.Method == http.MethodPost; {
	case post && e.HTTP.Route == logoutRoute:
		m.logouts.WithLabelValues(e.Outcome).Inc()
	case post && e.HTTP.Route == eventsRoute:
		m.secEvents.WithLabelValues(e.Outcome).Inc()
	}
	if slices.Contains(m.sockets, e.HTTP.Route) || strings.HasPrefix(e.HTTP.Route, "/auth/") {
		m.handshake(e)
	}
}

func (m *Metrics) handshake(e *ticket.Event) {
	m.handshakes.WithLabelValues(cmp.Or(string(e.Presentation.Door), "none"), e.Outcome, e.Reason).Inc()
}
