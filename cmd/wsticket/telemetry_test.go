package main

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/test/collector"
	"wsticket/internal/testenv"
)

// The trace of a caller, and its span.
const (
	callerTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	callerSpan   = "00f067aa0ba902b7"
	callerParent = "00-" + callerTrace + "-" + callerSpan + "-01"
)

// issueTraced gets a ticket in the caller's trace.
func issueTraced(t *testing.T, p *process, bearer string) (got issued) {
	t.Helper()
	a := answered(t, func() answer {
		return exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", "Authorization", "Bearer "+bearer,
			"Traceparent", callerParent, "Tracestate", "canary=1", "Baggage", "canary=1")
	})
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusCreated {
		t.Fatalf("POST /ws-ticket = %d %s", a.status, a.body)
	}
	return got
}

// TestTraces follows a ticket through its spans: that of the issue is in its caller's
// trace, that of the handshake ends at the 101 and has a link to it, and both have
// those of the ticket below them. The end of the service loses none.
func TestTraces(t *testing.T) {
	t.Parallel()
	c, idp := collector.New(t), newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "telemetry.otlp_endpoint="+c.URL, "--set", "telemetry.sample_ratio=1",
		"--set", "ws.ticket_parameter=sig")
	got := issueTraced(t, p, idp.bearer(t, "alice"))
	if !strings.Contains(got.URL, "?sig="+got.Ticket) {
		t.Fatalf("got the url %q, want the ticket in sig", got.URL)
	}
	conn, res, err := websocket.Dial(t.Context(), strings.Replace(got.URL, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	issued, handshake := c.Await(t, "POST /ws-ticket", 1)[0], c.Await(t, "GET /ws", 1)[0]
	if issued.Trace() != callerTrace || issued.Parent() != callerSpan {
		t.Errorf("the issue: got %v, want it in the trace of its caller", issued)
	}
	if links := handshake.GetLinks(); len(links) != 1 || hex.EncodeToString(links[0].GetTraceId()) != callerTrace || hex.EncodeToString(links[0].GetSpanId()) != issued.Own() {
		t.Errorf("the handshake: got the links %v, want one to the issue", links)
	}
	for name, want := range map[string]any{
		"http.response.status_code": int64(101), "http.request.method": "GET", "http.route": "/ws", "url.scheme": "http", "wsticket.ticket_id": got.TicketID,
		"wsticket.door": "query", "wsticket.outcome": "connected", "wsticket.reason": "ok", "wsticket.request_id": res.Header.Get("X-Request-Id"),
		"client.address": "127.0.0.1", "url.query": nil, "url.full": nil,
	} {
		if handshake.Attributes[name] != want {
			t.Errorf("the handshake: %s is %v, want %v", name, handshake.Attributes[name], want)
		}
	}
	if s := c.Await(t, "wsticket.issue", 1)[0]; s.Parent() != issued.Own() || s.Trace() != callerTrace {
		t.Errorf("the ticket's issue: got %v", s)
	}
	if s := c.Await(t, "wsticket.redeem", 1)[0]; s.Parent() != handshake.Own() || len(s.GetLinks()) != 1 {
		t.Errorf("the ticket's redemption: got %v", s)
	}
	if line := p.stderr.WaitFor(t, `"path":"/ws-ticket"`); !strings.Contains(line, `"trace_id":"`+callerTrace+`"`) {
		t.Errorf("the log has no trace: %s", line)
	}
	exemplar := exchange(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "Accept", "application/openmetrics-text; version=1.0.0")
	for _, histogram := range []string{`wsticket_action_duration_seconds_bucket{action="issue"`, `wsticket_http_request_duration_seconds_bucket{route="/ws-ticket"`} {
		if !hasExemplar(exemplar.body, histogram, callerTrace) {
			t.Errorf("%s has no exemplar of the trace", histogram)
		}
	}
	_ = conn.CloseNow()
	issue(t, p.public, idp.bearer(t, "bob"))
	if err := p.stop(t); err != nil {
		t.Error(err)
	}
	if len(c.Spans("POST /ws-ticket")) != 2 || c.Metric("wsticket_actions_total") == nil || c.Metric("wsticket_telemetry_spans_total") == nil {
		t.Error("the end of the service has lost spans or metrics")
	}
	if strings.Contains(c.Bodies(), got.Ticket) || strings.Contains(c.Bodies(), "canary") || len(c.Spans("GET /metrics")) > 0 {
		t.Error("the collector got a ticket, baggage, or a scrape")
	}
}

// hasExemplar reports whether a bucket of a histogram has that of a trace.
func hasExemplar(metrics, histogram, trace string) bool {
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, histogram) && strings.Contains(line, `# {trace_id="`+trace+`"} `) {
			return true
		}
	}
	return false
}

// TestTraceWithoutCollector: the trace of a caller is logged, and none is begun.
func TestTraceWithoutCollector(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"))
	bearer := "Bearer " + idp.bearer(t, "alice")
	for n, header := range [][]string{{"Traceparent", callerParent}, {"Traceparent", "00-canary"}, nil} {
		a := exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", append(header, "Authorization", bearer)...)
		line := p.stderr.WaitFor(t, `"request_id":"`+a.header.Get("X-Request-Id")+`"`)
		if got := strings.Contains(line, `"trace_id":"`+callerTrace+`"`); got != (n == 0) || strings.Contains(line, "canary") {
			t.Errorf("%v: got %s", header, line)
		}
	}
}

// TestTelemetryIsAway: a collector that is not there costs no answer, is logged once for
// spans and once for metrics, and what is lost is counted.
func TestTelemetryIsAway(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := start(t, "serve", "--config", idp.config(t, "memory:"), "--set", "telemetry.otlp_endpoint=http://"+testenv.FreeAddr(t),
		"--set", "telemetry.sample_ratio=1", "--set", "telemetry.metrics_interval=1s")
	for range 3 {
		issue(t, p.public, idp.bearer(t, "alice"))
	}
	p.stderr.WaitFor(t, "collector of telemetry does not take it")
	test.Wait(t, "a failed export", func() bool {
		metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
		return strings.Contains(metrics, `wsticket_telemetry_metric_exports_total{outcome="failed"} `) &&
			!strings.Contains(metrics, `wsticket_telemetry_metric_exports_total{outcome="failed"} 0`)
	})
	if err := p.stop(t); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/v1/traces", "/v1/metrics"} {
		if got := strings.Count(p.stderr.String(), `"path":"`+path+`"`); got != 1 {
			t.Errorf("got %d lines about %s:\n%s", got, path, p.stderr)
		}
	}
}

// TestStrangersDoNotSample: without a key, the flag of a caller decides nothing.
func TestStrangersDoNotSample(t *testing.T) {
	t.Parallel()
	c, idp := collector.New(t), newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), "--set", "telemetry.otlp_endpoint="+c.URL, "--set", "telemetry.sample_ratio=0", "--set", "public.trusted_proxies=[]")
	got := issueTraced(t, p, idp.bearer(t, "alice"))
	exchange(t, http.MethodPost, "http://"+p.internal+"/consume", `{"ticket":"`+got.Ticket+`"}`,
		"Authorization", "Bearer "+chatKey, "Content-Type", "application/json", "Traceparent", callerParent)
	if span := c.Await(t, "POST /consume", 1)[0]; span.Parent() != callerSpan || span.Attributes["wsticket.caller"] != "key:chat" {
		t.Errorf("got %v, want the span of the backend's request", span)
	}
	if err := p.stop(t); err != nil || len(c.Spans("POST /ws-ticket")) > 0 {
		t.Errorf("%v, and a stranger has been recorded: %v", err, c.Spans("POST /ws-ticket"))
	}
}
