package telemetry_test

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metricspb "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	"go.uber.org/goleak"

	"wsticket/cmd/wsticket/internal/telemetry"
	"wsticket/internal/test"
	"wsticket/internal/test/collector"
	"wsticket/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const traceID, spanID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

// answered is the event of a request that is recorded.
func answered() *ticket.Event {
	return &ticket.Event{
		Kind: ticket.EventRequest, At: time.Unix(100, 5), Duration: time.Second, Request: ticket.RequestInfo{TraceID: traceID, SpanID: spanID, Sampled: true},
		HTTP: ticket.HTTPAnswer{Method: "GET", Path: "/ws/\xff", Route: "/ws/{room}", Status: 101, Scheme: "https"},
	}
}

// run runs an exporter until stop is called.
func run(t *testing.T, o telemetry.Options) (x *telemetry.Exporter, stop func()) {
	t.Helper()
	x = telemetry.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return x, stop
}

// TestSpanOfARequest: by the semantic conventions for HTTP, and nothing of a query.
func TestSpanOfARequest(t *testing.T) {
	t.Parallel()
	c := collector.New(t)
	x, stop := run(t, telemetry.Options{Endpoint: c.URL + "/", Version: "v1", Headers: http.Header{"Authorization": {"Bearer abc"}}})
	x.Record(t.Context(), answered())
	failed := answered()
	failed.HTTP.Status, failed.HTTP.Method, failed.HTTP.Route = 503, "OTHER", ""
	x.Record(t.Context(), failed)
	aborted := answered()
	aborted.HTTP.Status = 0
	x.Record(t.Context(), aborted)
	for _, change := range []func(*ticket.Event){ // not recorded
		func(e *ticket.Event) { e.Request.Sampled = false },
		func(e *ticket.Event) { e.Request.SpanID = "" },
		func(e *ticket.Event) { e.Request.TraceID = "x" },
		func(e *ticket.Event) { e.Kind = ticket.EventConnect },
	} {
		e := answered()
		change(e)
		x.Record(t.Context(), e)
	}
	stop()
	spans := c.Spans("GET /ws/{room}")
	if len(spans) != 2 || len(c.Spans("HTTP")) != 1 || x.Stats() != (telemetry.Stats{SpansSent: 3}) {
		t.Fatalf("got %d and %d spans, %+v", len(spans), len(c.Spans("HTTP")), x.Stats())
	}
	got := spans[0]
	if got.Trace() != traceID || got.Own() != spanID || got.Parent() != "" || got.GetStartTimeUnixNano() != 100_000_000_005 || got.GetEndTimeUnixNano() != 101_000_000_005 {
		t.Errorf("got %v", got)
	}
	for name, want := range map[string]any{
		"service.name": "wsticket", "service.version": "v1", "http.request.method": "GET", "http.route": "/ws/{room}",
		"http.response.status_code": int64(101), "url.scheme": "https", "error.type": nil,
	} {
		if got.Attributes[name] != want {
			t.Errorf("%s: got %v, want %v", name, got.Attributes[name], want)
		}
	}
	if got := c.Spans("HTTP")[0].Attributes; got["error.type"] != "503" || got["http.request.method"] != "_OTHER" {
		t.Errorf("an error: got %v", got)
	}
	if got := spans[1].Attributes; got["error.type"] != "aborted" || got["http.response.status_code"] != nil {
		t.Errorf("an aborted request: got %v", got)
	}
	if got := c.Requests()[0]; got.Header.Get("Authorization") != "Bearer abc" || got.URL.Path != "/v1/traces" {
		t.Errorf("got %v %v", got.URL, got.Header)
	}
}

// TestCollectorFails: what fails is counted, and logged once. What may succeed later is
// sent again, and what cannot is not.
func TestCollectorFails(t *testing.T) {
	t.Parallel()
	c, log := collector.New(t), new(test.Output)
	c.Answer(http.StatusServiceUnavailable, 0)
	x, stop := run(t, telemetry.Options{Endpoint: c.URL, Logger: slog.New(slog.NewTextHandler(log, nil))})
	x.Record(t.Context(), answered())
	test.Wait(t, "two attempts", func() bool { return len(c.Requests()) >= 2 })
	c.Answer(http.StatusOK, 0)
	c.Await(t, "GET /ws/{room}", 1)
	c.Answer(http.StatusOK, 1)
	x.Record(t.Context(), answered())
	test.Wait(t, "a partial success", func() bool { return x.Stats() == telemetry.Stats{SpansSent: 1, SpansDropped: 1} })
	c.Answer(http.StatusBadRequest, 0)
	x.SetHeaders(http.Header{"Authorization": {"Bearer new"}})
	x.Record(t.Context(), answered())
	test.Wait(t, "a refusal", func() bool { return x.Stats().SpansDropped == 2 })
	requests := len(c.Requests())
	if got := c.Requests()[requests-1].Header.Get("Authorization"); got != "Bearer new" {
		t.Errorf("after a change of the headers: got %q", got)
	}
	c.Close()
	x.Record(t.Context(), answered())
	stop()
	if got := x.Stats(); got.SpansDropped != 3 || len(c.Requests()) != requests {
		t.Errorf("got %+v and %d requests, want 3 dropped and %d", got, len(c.Requests()), requests)
	}
	if got := strings.Count(log.String(), "level=WARN"); got != 3 { // fails, is well, fails
		t.Errorf("got %d lines:\n%s", got, log)
	}
}

// TestQueueIsBounded: nobody waits for a collector.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	x := telemetry.New(telemetry.Options{Endpoint: "http://127.0.0.1:1"})
	for range telemetry.MaxQueue + 3 {
		x.Record(t.Context(), answered())
	}
	if got := x.Stats(); got.SpansDropped != 3 {
		t.Errorf("got %+v, want 3 dropped", got)
	}
}

// TestMetrics: each kind of metric, as OTLP has it.
func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Counts."}, []string{"l"})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g"})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: []float64{1, 2, math.Inf(1)}})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "s", Objectives: map[float64]float64{.5: .1}})
	registry.MustRegister(counter, gauge, histogram, summary)
	counter.WithLabelValues("a").Add(2)
	gauge.Set(-1)
	histogram.Observe(.5)
	histogram.Observe(9)
	with, ok := histogram.(prometheus.ExemplarObserver)
	if !ok {
		t.Fatal("no exemplars")
	}
	with.ObserveWithExemplar(1.5, prometheus.Labels{"trace_id": traceID, "span_id": spanID})
	summary.Observe(3)
	c := collector.New(t)
	x, stop := run(t, telemetry.Options{Endpoint: c.URL, Metrics: registry, Interval: time.Hour})
	stop() // which sends them
	if x.Stats() != (telemetry.Stats{MetricsSent: 1}) {
		t.Fatalf("got %+v", x.Stats())
	}
	sum := c.Metric("c_total").GetSum()
	if p := sum.GetDataPoints()[0]; !sum.GetIsMonotonic() || p.GetAsDouble() != 2 || p.GetAttributes()[0].GetValue().GetStringValue() != "a" ||
		sum.GetAggregationTemporality() != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE || p.GetStartTimeUnixNano() > p.GetTimeUnixNano() {
		t.Errorf("the counter: got %v", sum)
	}
	if got := c.Metric("g").GetGauge().GetDataPoints()[0].GetAsDouble(); got != -1 {
		t.Errorf("the gauge: got %v", got)
	}
	h := c.Metric("h").GetHistogram().GetDataPoints()[0]
	if h.GetCount() != 3 || h.GetSum() != 11 || len(h.GetExplicitBounds()) != 2 || len(h.GetBucketCounts()) != 3 ||
		h.GetBucketCounts()[0] != 1 || h.GetBucketCounts()[1] != 1 || h.GetBucketCounts()[2] != 1 {
		t.Errorf("the histogram: got %v", h)
	}
	if e := h.GetExemplars(); len(e) != 1 || len(e[0].GetTraceId()) != 16 || len(e[0].GetSpanId()) != 8 || e[0].GetAsDouble() != 1.5 {
		t.Errorf("the exemplar: got %v", e)
	}
	if s := c.Metric("s").GetSummary().GetDataPoints()[0]; s.GetCount() != 1 || s.GetSum() != 3 || len(s.GetQuantileValues()) != 1 {
		t.Errorf("the summary: got %v", s)
	}
}

// TestMetricsFail: they are not sent again, because the next ones contain them.
func TestMetricsFail(t *testing.T) {
	t.Parallel()
	c := collector.New(t)
	c.Answer(http.StatusServiceUnavailable, 0)
	x, stop := run(t, telemetry.Options{Endpoint: c.URL, Metrics: prometheus.NewRegistry(), Interval: time.Hour})
	stop()
	if x.Stats() != (telemetry.Stats{MetricsFailed: 1}) || len(c.Requests()) != 1 {
		t.Errorf("got %+v after %d requests", x.Stats(), len(c.Requests()))
	}
}

// TestSpansAlone: a collector that takes spans and no metrics, as Jaeger does, is logged
// once, and not whenever one follows the other.
func TestSpansAlone(t *testing.T) {
	t.Parallel()
	log := new(test.Output)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	x, stop := run(t, telemetry.Options{
		Endpoint: server.URL, Metrics: prometheus.NewRegistry(), Interval: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	test.Wait(t, "a refusal", func() bool { return x.Stats().MetricsFailed > 0 })
	x.Record(t.Context(), answered())
	test.Wait(t, "a span", func() bool { return x.Stats().SpansSent == 1 })
	failed := x.Stats().MetricsFailed
	test.Wait(t, "another refusal", func() bool { return x.Stats().MetricsFailed > failed+1 })
	stop()
	if got := strings.Count(log.String(), "level=WARN"); got != 1 || !strings.Contains(log.String(), "path=/v1/metrics") {
		t.Errorf("got %d lines, want one about metrics:\n%s", got, log)
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	for ratio, most := range map[float64][2]int{0: {0, 0}, 1: {1000, 1000}, .5: {300, 700}} {
		x, n := telemetry.New(telemetry.Options{SampleRatio: ratio}), 0
		for range 1000 {
			if x.Sample() {
				n++
			}
		}
		if n < most[0] || n > most[1] {
			t.Errorf("%v: got %d of 1000, want %v", ratio, n, most)
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{
		"http://localhost:4318": true, "https://otlp.example.com": true, "https://otlp.example.com/otlp/": true, "http://[::1]:4318": true,
		"": false, "localhost:4318": false, "grpc://localhost:4317": false, "http://": false, "https://user:canary@example.com": false,
		"https://example.com?key=canary": false, "https://example.com/#canary": false, "https://example.com/v1/traces": false, "http://a b": false,
	} {
		err := telemetry.CheckEndpoint(address)
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %v", address, err)
		}
	}
}

func TestReadHeaders(t *testing.T) {
	t.Parallel()
	got, err := telemetry.ReadHeaders(test.WriteFile(t, "headers", "# for the collector\n\nAuthorization: Bearer a:b\nx-tenant:  t \r\n"))
	if err != nil || len(got) != 2 || got.Get("Authorization") != "Bearer a:b" || got.Get("X-Tenant") != "t" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"canary", ": canary", "a b: canary", "a: ", "a: canary\x01", "a: canaryé", "# canary\n"} {
		got, err := telemetry.ReadHeaders(test.WriteFile(t, "headers", text))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	if _, err := telemetry.ReadHeaders("/gone"); err == nil {
		t.Error("got no error for a file that is not there")
	}
}

// TestSlowCollector: the end of a service does not wait for one that never answers.
func TestSlowCollector(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 16), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	x, stop := run(t, telemetry.Options{Endpoint: server.URL})
	x.Record(t.Context(), answered())
	<-asked
	stop()
	if got := x.Stats(); got.SpansDropped != 1 {
		t.Errorf("got %+v, want the span dropped", got)
	}
}
