package telemetry

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	colmetrics "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"wsticket/internal/netcause"
	"wsticket/internal/pause"
)

// The paths of the signals (OTLP 1.x, OTLP/HTTP Request).
const (
	tracesPath  = "/v1/traces"
	metricsPath = "/v1/metrics"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// failure is why a request failed, in words of ours. Again reports whether the same
// request may succeed later (OTLP 1.x, Retryable Response Codes).
type failure struct {
	cause string
	again bool
}

// deliver sends spans until the collector takes them, and drops them after the last
// attempt. When ctx has ended it tries once more. Requests go on until late ends.
func (x *Exporter) deliver(ctx, late context.Context, spans []*tracepb.Span) {
	body, err := proto.Marshal(&coltrace.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: x.resource, ScopeSpans: []*tracepb.ScopeSpans{{Scope: x.scope(), Spans: spans}},
	}}})
	if err != nil { // a text that is not UTF-8, which none is
		x.spansDropped.Add(uint64(len(spans)))
		return
	}
	wait := firstPause
	for attempt := range attempts {
		answer, failed := x.post(late, tracesPath, body)
		x.note(tracesPath, failed)
		if failed == nil {
			x.countSpans(answer, len(spans))
			return
		}
		if !failed.again || ctx.Err() != nil || attempt == attempts-1 {
			break
		}
		pause.About(ctx, wait)
		wait *= 2
	}
	x.spansDropped.Add(uint64(len(spans)))
}

// countSpans counts spans of a batch that was answered, which may say that some were
// refused.
func (x *Exporter) countSpans(answer []byte, all int) {
	var response coltrace.ExportTraceServiceResponse
	refused := int64(0)
	if proto.Unmarshal(answer, &response) == nil {
		refused = min(max(0, response.GetPartialSuccess().GetRejectedSpans()), int64(all))
	}
	x.spansSent.Add(uint64(int64(all) - refused)) //nolint:gosec // G115: refused is at most all
	x.spansDropped.Add(uint64(refused))
}

func (x *Exporter) sendMetrics(ctx context.Context) {
	families, err := x.o.Metrics.Gather()
	if err != nil && len(families) == 0 {
		x.metricsFailed.Add(1)
		return
	}
	body, err := proto.Marshal(&colmetrics.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource:     x.resource,
		ScopeMetrics: []*metricspb.ScopeMetrics{{Scope: x.scope(), Metrics: convert(families, x.start, time.Now())}},
	}}})
	if err != nil {
		x.metricsFailed.Add(1)
		return
	}
	_, failed := x.post(ctx, metricsPath, body)
	if x.note(metricsPath, failed); failed != nil {
		x.metricsFailed.Add(1)
	} else {
		x.metricsSent.Add(1)
	}
}

func (x *Exporter) scope() *commonpb.InstrumentationScope {
	return &commonpb.InstrumentationScope{Name: "wsticket", Version: x.o.Version}
}

// post sends a body once. It returns the answer of a collector that has taken it.
func (x *Exporter) post(ctx context.Context, path string, body []byte) ([]byte, *failure) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.o.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{"the URL cannot be asked", false} // CheckEndpoint has checked it
	}
	maps.Copy(req.Header, *x.headers.Load())
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "wsticket")
	res, err := x.client.Do(req)
	if err != nil {
		return nil, &failure{netcause.Describe(err), true}
	}
	defer func() { _ = res.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch res.StatusCode {
	case http.StatusOK:
		return answer, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, &failure{"it answered " + strconv.Itoa(res.StatusCode), true}
	default:
		return nil, &failure{"it answered " + strconv.Itoa(res.StatusCode), false}
	}
}

// note logs when the collector begins to fail at a path, and when it is well again.
func (x *Exporter) note(path string, failed *failure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case failed != nil && !x.failing[path]:
		x.o.Logger.Warn("the collector of telemetry does not take it", "path", path, "cause", failed.cause)
	case failed == nil && x.failing[path]:
		x.o.Logger.Warn("the collector of telemetry takes it again", "path", path, "spans_dropped", x.spansDropped.Load())
	}
	x.failing[path] = failed != nil
}
