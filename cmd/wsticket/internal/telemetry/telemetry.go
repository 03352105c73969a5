// Package telemetry sends spans and metrics to a collector by OTLP over HTTP
// (OpenTelemetry Protocol 1.x, binary protobuf). It never holds up a request: spans
// wait in a bounded queue, and what does not fit is dropped and counted.
//
// Of OpenTelemetry it uses the messages alone. The SDK would read a dozen environment
// variables, among them some that name headers and files, and its exporters link gRPC.
package telemetry

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"wsticket/internal/httpclient"
	"wsticket/internal/pause"
)

// The bounds of an [Exporter].
const (
	// MaxQueue is how many spans wait at most. One more is dropped.
	MaxQueue = 4096
	// MaxBatch is how many spans a request has at most.
	MaxBatch = 512
	// attempts is how often a batch of spans is sent before it is dropped. Metrics are
	// sent once: the next ones contain them.
	attempts = 4

	// linger is how long the first span of a batch waits for others.
	linger = 2 * time.Second
	// firstPause is the pause after the first failure, which doubles with each. Between
	// a half of it and all of it is waited.
	firstPause = time.Second
	// requestTimeout bounds a request with its answer.
	requestTimeout = 10 * time.Second
	// flushTimeout bounds what is still sent when the context of Run has ended.
	flushTimeout = 5 * time.Second
)

// Options are the settings of an [Exporter].
type Options struct {
	// Endpoint is the base URL of the collector, which [CheckEndpoint] accepts:
	// /v1/traces and /v1/metrics are appended.
	Endpoint string
	// Headers are sent with each request; see [ReadHeaders].
	Headers http.Header
	// RootCAs sign the collector's certificate. Default: those of the system.
	RootCAs *x509.CertPool
	// SampleRatio is the part of requests whose spans are recorded, 0 to 1, where no
	// caller that we trust has decided.
	SampleRatio float64
	// Version is that of the program.
	Version string
	// Metrics are sent every Interval. Without either there are none.
	Metrics  prometheus.Gatherer
	Interval time.Duration
	// Logger gets a line when the collector begins to fail, and when it is well again.
	// Default: none.
	Logger *slog.Logger
}

// Stats count what was sent.
type Stats struct {
	// SpansSent were taken by the collector; SpansDropped were not, or did not fit into
	// the queue.
	SpansSent, SpansDropped uint64
	// MetricsSent and MetricsFailed are whole exports.
	MetricsSent, MetricsFailed uint64
}

// Exporter records spans and sends them, and metrics. It is safe for concurrent use.
type Exporter struct {
	o        Options
	client   *http.Client
	headers  atomic.Pointer[http.Header]
	resource *resourcepb.Resource
	start    time.Time
	queue    chan *tracepb.Span

	spansSent, spansDropped, metricsSent, metricsFailed atomic.Uint64

	mu      sync.Mutex
	failing map[string]bool // by path: a collector may take spans and no metrics
}

// New returns an Exporter. It sends nothing until [Exporter.Run].
func New(o Options) *Exporter {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Endpoint = strings.TrimSuffix(o.Endpoint, "/")
	x := &Exporter{
		o: o, start: time.Now(), queue: make(chan *tracepb.Span, MaxQueue), failing: make(map[string]bool),
		client: httpclient.New(httpclient.Options{
			TLS: &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12}, MaxConns: 2, MaxIdle: 2,
		}),
		resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			text("service.name", "wsticket"), text("service.version", o.Version), text("service.instance.id", rand.Text()),
		}},
	}
	x.SetHeaders(o.Headers)
	return x
}

// SetHeaders replaces Options.Headers from the next request on.
func (x *Exporter) SetHeaders(headers http.Header) { x.headers.Store(&headers) }

// Sample draws whether a request is recorded.
func (x *Exporter) Sample() bool {
	if x.o.SampleRatio <= 0 || x.o.SampleRatio >= 1 {
		return x.o.SampleRatio >= 1
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return float64(binary.BigEndian.Uint64(random[:])) < x.o.SampleRatio*math.MaxUint64
}

// Stats returns the counts so far.
func (x *Exporter) Stats() Stats {
	return Stats{
		SpansSent: x.spansSent.Load(), SpansDropped: x.spansDropped.Load(),
		MetricsSent: x.metricsSent.Load(), MetricsFailed: x.metricsFailed.Load(),
	}
}

// Run sends until ctx ends, and then for at most five seconds what still waits, each
// batch once. It is called once.
func (x *Exporter) Run(ctx context.Context) {
	defer x.client.CloseIdleConnections()
	late, stop := pause.Outlast(ctx, flushTimeout)
	defer stop()
	var running sync.WaitGroup
	if x.o.Metrics != nil && x.o.Interval > 0 {
		running.Go(func() { x.runMetrics(ctx, late) })
	}
	x.runSpans(ctx, late)
	running.Wait()
}

func (x *Exporter) runSpans(ctx, late context.Context) {
	for ctx.Err() == nil {
		if spans := x.collect(ctx); len(spans) > 0 {
			x.deliver(ctx, late, spans)
		}
	}
	for len(x.queue) > 0 {
		x.deliver(ctx, late, x.waiting(nil))
	}
}

// collect waits for a span, and a moment for more of them. It returns when ctx ends.
func (x *Exporter) collect(ctx context.Context) []*tracepb.Span {
	select {
	case <-ctx.Done():
		return nil
	case span := <-x.queue:
		pause.About(ctx, linger)
		return x.waiting([]*tracepb.Span{span})
	}
}

// waiting adds what waits, up to a batch.
func (x *Exporter) waiting(spans []*tracepb.Span) []*tracepb.Span {
	for len(spans) < MaxBatch && len(x.queue) > 0 {
		spans = append(spans, <-x.queue)
	}
	return spans
}

// runMetrics sends the metrics every interval, and once more at the end.
func (x *Exporter) runMetrics(ctx, late context.Context) {
	tick := time.NewTicker(x.o.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			x.sendMetrics(late)
			return
		case <-tick.C:
			x.sendMetrics(late)
		}
	}
}
