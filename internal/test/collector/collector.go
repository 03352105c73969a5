// Package collector is a collector of OTLP for tests: it decodes what comes and keeps
// it.
package collector

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	colmetrics "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"wsticket/internal/test"
)

// Collector keeps what it gets. It is safe for concurrent use.
type Collector struct {
	*httptest.Server

	mu       sync.Mutex
	status   int // to answer; 0 is 200
	rejected int64
	requests []*http.Request
	bodies   strings.Builder
	faults   []string
	spans    []Span
	metrics  map[string]*metricspb.Metric
}

// Span is a span that has come.
type Span struct {
	*tracepb.Span

	// Attributes are by name, and those of its resource too.
	Attributes map[string]any
}

// New starts a collector, which stops when the test ends.
func New(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{metrics: make(map[string]*metricspb.Metric)}
	c.Server = httptest.NewServer(c)
	tb.Cleanup(func() {
		c.Close()
		for _, fault := range c.faults {
			tb.Errorf("the collector got %s", fault)
		}
	})
	return c
}

// Answer sets the status that it answers from now on, and how many spans of each batch
// it says that it has rejected.
func (c *Collector) Answer(status int, rejected int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.rejected = status, rejected
}

// ServeHTTP implements [http.Handler].
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	_, _ = c.bodies.Write(append(body, '\n'))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.faults = append(c.faults, "a "+r.Method+" of "+r.Header.Get("Content-Type"))
	}
	if c.status != 0 && c.status != http.StatusOK {
		w.WriteHeader(c.status)
		return
	}
	var answer []byte
	switch r.URL.Path {
	case "/v1/traces":
		answer, err = c.takeSpans(body)
	case "/v1/metrics":
		err = c.takeMetrics(body)
	default:
		c.faults = append(c.faults, "a request of "+r.URL.Path)
	}
	if err != nil {
		c.faults = append(c.faults, err.Error())
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func (c *Collector) takeSpans(body []byte) ([]byte, error) {
	var request coltrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				attributes := valuesOf(resource.GetResource().GetAttributes())
				for name, value := range valuesOf(span.GetAttributes()) {
					attributes[name] = value
				}
				c.spans = append(c.spans, Span{span, attributes})
			}
		}
	}
	return proto.Marshal(&coltrace.ExportTraceServiceResponse{PartialSuccess: &coltrace.ExportTracePartialSuccess{RejectedSpans: c.rejected}})
}

func (c *Collector) takeMetrics(body []byte) error {
	var request colmetrics.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return err
	}
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, metric := range scope.GetMetrics() {
				c.metrics[metric.GetName()] = metric
			}
		}
	}
	return nil
}

func valuesOf(pairs []*commonpb.KeyValue) map[string]any {
	all := make(map[string]any)
	for _, pair := range pairs {
		switch value := pair.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			all[pair.GetKey()] = value.StringValue
		case *commonpb.AnyValue_IntValue:
			all[pair.GetKey()] = value.IntValue
		case *commonpb.AnyValue_BoolValue:
			all[pair.GetKey()] = value.BoolValue
		}
	}
	return all
}

// Bodies returns all that has come, as it came.
func (c *Collector) Bodies() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bodies.String()
}

// Requests returns the requests without their bodies.
func (c *Collector) Requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests[:len(c.requests):len(c.requests)]
}

// Spans returns the spans that have come with that name.
func (c *Collector) Spans(name string) []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []Span
	for _, span := range c.spans {
		if span.GetName() == name {
			found = append(found, span)
		}
	}
	return found
}

// Await waits for n spans of that name and returns them.
func (c *Collector) Await(tb testing.TB, name string, n int) []Span {
	tb.Helper()
	test.Wait(tb, "spans of "+name, func() bool { return len(c.Spans(name)) >= n })
	return c.Spans(name)
}

// Metric returns the last state of a metric, nil if it has not come.
func (c *Collector) Metric(name string) *metricspb.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.metrics[name]
}

// Trace returns the ID of the span's trace as hex digits.
func (s Span) Trace() string { return hex.EncodeToString(s.GetTraceId()) }

// Own returns the ID of the span as hex digits.
func (s Span) Own() string { return hex.EncodeToString(s.GetSpanId()) }

// Parent returns the ID of the parent as hex digits, empty if there is none.
func (s Span) Parent() string { return hex.EncodeToString(s.GetParentSpanId()) }
